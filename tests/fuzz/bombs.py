"""Definitions that somebody might write to harm: small to write, and endless to carry out."""

from collections.abc import Mapping

STAR, JSONNET = ".agola/config.star", ".agola/config.jsonnet"
YML, JSON = ".agola/config.yml", ".agola/config.json"
DEEP = 100_000


def _main(*lines: str) -> bytes:
    return "\n    ".join(["def main(ctx):", *lines]).encode()


def _laughs() -> bytes:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]")
    return "\n".join(lines).encode()


def _merges() -> bytes:
    keys = ", ".join(f"k{number}: 1" for number in range(1000))
    return f"x: &a {{{keys}}}\ny:\n".encode() + b"- {<<: *a}\n" * 9000


YAML_BOMBS: Mapping[str, bytes] = {
    "a billion laughs": _laughs(),
    "a quadratic blow-up": b"a: &a " + b"x" * 500_000 + b"\nb: [" + b"*a," * 100_000 + b"]",
    "merges of merges": _merges(),
    "deep sequences": b"[" * DEEP,
    "deep mappings": b"{a: " * DEEP,
    "deep blocks": b"- " * DEEP,
    "deep keys": b"? " * DEEP,
    "a million tasks": b"runs: [{name: r, tasks: [" + b"{name: t}," * 1_000_000 + b"]}]",
    "as many tasks as a file may have": b"runs: [{name: r, tasks: [" + b"{}," * 349_000 + b"]}]",
    "many tasks that are null": b"runs: [{name: r, tasks: [" + b",".join([b"~"] * 200_000) + b"]}]",
    "a million tasks by aliases": b"t: &t {name: t}\nu: &u ["
    + b"*t," * 1000
    + b"]\nruns: [{name: r, tasks: ["
    + b"*u," * 1000
    + b"]}]",
    "every task depends on every other": b"runs:\n- name: r\n  tasks:\n"
    + b"".join(
        b"  - {name: t%d, depends: [%s]}\n" % (n, b",".join(b"t%d" % m for m in range(150)))
        for n in range(900)
    ),
    "a wide matrix": b"runs: [{name: r, tasks: [{name: t, steps: [], matrix: {axes: {"
    + b",".join(b"a%d: [1,2,3,4,5,6,7,8,9]" % n for n in range(30))
    + b"}}}]}]",
    "an expression that takes exponential time": b"runs: [{name: r, tasks: [], when: "
    b"{branch: /(a+)+$(x+x+)+y(a|aa)+$/}}]",
    "an expression that takes much memory": b"runs: [{name: r, tasks: [], when: "
    b"{branch: '/((a{1,1000}){1,1000}){1,1000}/'}}]",
    "a long number": b"runs: " + b"9" * 1_000_000,
    "a long sexagesimal number": b"runs: 1" + b":59" * 300_000,
    "a Python object": b"!!python/object/apply:os.system ['touch /tmp/bombed']",
    "long lines of nothing": b" " * 1_000_000 + b"runs: []",
    "many documents": b"---\n" * 250_000,
    "many anchors": b"".join(b"- &a%d x\n" % n for n in range(70_000)),
    "many directives": b"%YAML 1.1\n" * 100_000,
    "more than a mebibyte": b"x" * (1 << 21),
    "zeros": bytes(1 << 20),
    "escapes": b'"' + b"\\x00" * 250_000 + b'"',
}

JSON_BOMBS: Mapping[str, bytes] = {
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP,
    "surrogates": b'"' + b"\\ud800" * 150_000 + b'"',
    "one key again and again": b"{" + b'"a":1,' * 150_000 + b'"a":1}',
}

JSONNET_BOMBS: Mapping[str, bytes] = {
    "a loop": b"local f(x) = if x < 0 then x else f(x + 1) tailstrict; f(0)",
    "a slow loop": b"std.length([x for x in std.range(1, 30000) for y in std.range(1, 30000)])",
    "a recursion": b"local f(x) = f(x + 1) + 1; f(0)",
    "two that call each other": b"local a(x) = b(x) + 1, b(x) = a(x) + 1; a(0)",
    "a field of itself": b"{x: self.x}",
    "an object in itself": b"local x = {a: [x]}; x",
    "an array of 10^9": b"std.makeArray(1e9, function(i) i)",
    "a range of 10^9": b"std.range(1, 1e9)",
    "a string of a gibibyte": b"std.repeat('x', 1073741824)",
    "a string that doubles": b"local d(s, n) = if n == 0 then s else d(s + s, n - 1); d('x', 40)",
    "a padded string": b"std.format('%1000000000s', 'x')",
    "a tree of 2^40 leaves": b"local a(n) = if n == 0 then [1] else [a(n - 1), a(n - 1)]; a(40)",
    "a million fields": b"{[std.toString(i)]: i for i in std.range(1, 1000000)}",
    "a million items": b"[i for i in std.range(0, 1000000)]",
    "an array that grows": b"std.foldl(function(a, i) a + [i], std.range(0, 1000000), [])",
    "a long error": b"error std.repeat('x', 10000000)",
    "much trace": b"[std.trace(std.repeat('x', 100000), i) for i in std.range(1, 100000)]",
    "an infinite number": b"{runs: 1e308 * 10}",
    "a power": b"std.pow(10, 1e9)",
    "a parsed bomb": b"std.parseJson(std.repeat('[', 100000))",
    "a parsed YAML bomb": b"std.parseYaml(std.repeat('- ', 100000))",
    "a sorted range": b"std.sort(std.range(1, 10000000))",
    "joined strings": b"std.join('x', [std.repeat('y', 1000000) for i in std.range(1, 10000)])",
    "deep brackets": b"[" * DEEP,
    "deep brackets that close": b"[" * DEEP + b"]" * DEEP,
    "deep parentheses": b"(" * DEEP,
    "deep objects": b"{a:" * DEEP,
    "deep negations": b"!" * DEEP + b"true",
    "deep sums": b"1" + b"+1" * DEEP,
    "an import of itself": b"import 'config.jsonnet'",
    "a circle of imports": b"import 'a.libsonnet'",
    "/etc/passwd": b"importstr '/etc/passwd'",
    "/proc": b"importbin '/proc/self/mem'",
    "above": b"importstr '../../../../../../etc/passwd'",
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
    "a function": b"function(ctx) function(x) x",
    "more than a mebibyte": b" " * (1 << 21) + b"{}",
    "imports again and again": b"[" + b"(import 'b.libsonnet')," * 40_000 + b"]",
}

STAR_BOMBS: Mapping[str, bytes] = {
    "a loop": _main("x = 0", "for i in range(1000000000):", "    x += 1", "return {'x': x}"),
    "a loop at the top": b"x = [1 for i in range(1000000000)]",
    "a recursion": _main("return main(ctx)"),
    "a list of 10^9": _main("return {'x': [1] * 1000000000}"),
    "a comprehension of 10^9": _main("return {'x': [i for i in range(1000000000)]}"),
    "a string of a gibibyte": _main("return {'x': 'x' * 1073741824}"),
    "a string of 10 MB": _main("return {'x': 'x' * 10000000}"),
    "a string that doubles": _main("x = 'a'", "for i in range(50):", "    x += x", "return {}"),
    "a list in itself": _main("x = []", "x.append(x)", "return {'x': x}"),
    "a deep list": _main("x = []", "for i in range(1000000):", "    x = [x]", "return {'x': x}"),
    "a tree of 2^40 leaves": _main(
        "x = []", "for i in range(40):", "    x = [x, x]", "return {1: x}"
    ),
    "a large shift": _main("return {'x': 1 << 1000000000}"),
    "a long number": _main("return {'x': 1 << 100000}"),
    "a tower of numbers": _main("x = 3", "for i in range(60):", "    x = x * x", "return {'x': x}"),
    "a padded string": _main("return {'x': '%1000000000d' % 5}"),
    "much print": _main("for i in range(1000000000):", "    print('x' * 1000)", "return {}"),
    "a long error": _main("fail('x' * 10000000)"),
    "a sorted range": _main("return {'x': sorted(range(100000000))}"),
    "joined strings": _main("return {'x': ','.join(['x' * 1000000] * 1000000)}"),
    "a replaced string": _main("return {'x': ('x' * 100000).replace('', 'y' * 100000)}"),
    "a million keys": _main("return {str(i): i for i in range(1000000)}"),
    "functions in functions": b"def f(g):\n    return lambda: g()\n"
    + _main("x = lambda: 1", "for i in range(100000):", "    x = f(x)", "return {'x': x()}"),
    "deep brackets": b"x = " + b"[" * DEEP,
    "deep parentheses": b"x = " + b"(" * DEEP + b")" * DEEP,
    "deep minuses": b"x = " + b"-" * DEEP + b"1",
    "deep nots": b"x = " + b"not " * DEEP + b"1",
    "deep sums": b"x = 1" + b"+1" * DEEP,
    "deep blocks": b"".join(b" " * n + b"if 1:\n" for n in range(1000)),
    "a load of itself": b"load('config.star', 'main')",
    "a circle of loads": b"load('a.star', 'x')",
    "/etc/passwd": b"load('/etc/passwd', 'x')",
    "above": b"load('../../../../../../etc/passwd', 'x')",
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
    "a dict that is not one": _main("return range(10)"),
    "a key that is a list": _main("return {(1, 2): 3}"),
    "infinity": _main("return {'runs': float('inf')}"),
}

FILES: Mapping[str, bytes] = {
    ".agola/a.libsonnet": b"import 'config.jsonnet'",
    ".agola/b.libsonnet": b"{x: " + b"[" * 100 + b"]" * 100 + b"}",
    ".agola/a.star": b"load('b.star', 'x')",
    ".agola/b.star": b"load('a.star', 'x')",
}
"""What bombs may import."""

# The programs come first: to the system, a new process takes at first what its parent takes.
BOMBS: Mapping[tuple[str, str], bytes] = {
    (name, said): data
    for name, bombs in (
        (JSONNET, JSONNET_BOMBS),
        (STAR, STAR_BOMBS),
        (YML, YAML_BOMBS),
        (JSON, JSON_BOMBS),
    )
    for said, data in bombs.items()
}
