"""Programs become documents: with the context, imports from `.agola/`, and places of errors."""

import json

import pytest

from agola.runconfig import Context, RefType
from agola.runconfig.evaluation import Evaluated, Evaluator, evaluate, parsed

STAR, JSONNET = ".agola/config.star", ".agola/config.jsonnet"
CONTEXT = Context(
    ref_type=RefType.BRANCH, ref="refs/heads/main", branch="main", commit_sha="c0ffee"
)
CTX = {
    "ref_type": "branch",
    "ref": "refs/heads/main",
    "branch": "main",
    "tag": "",
    "pull_request_id": "",
    "commit_sha": "c0ffee",
    "changed_files": None,
}


async def evaluated(name: str, text: str, **files: str | bytes) -> Evaluated:
    """Evaluate a file; the others are `.agola/` with two underscores for a slash."""
    others = {
        f".agola/{path.replace('__', '/').replace('_', '.')}": content.encode()
        if isinstance(content, str)
        else content
        for path, content in files.items()
    }
    return await evaluate({name: text.encode(), **others}, name, CONTEXT)


async def given(name: str, text: str, **files: str | bytes) -> object:
    answer = await evaluated(name, text, **files)
    assert not answer.errors
    assert answer.generated
    return json.loads(answer.text)


async def refused(name: str, text: str, **files: str | bytes) -> tuple[str, int, int, str, str]:
    answer = await evaluated(name, text, **files)
    [problem] = answer.errors
    assert not answer.text
    return answer.name, problem.line, problem.column, problem.message, problem.hint


async def test_starlark_and_jsonnet_are_given_the_same_context() -> None:
    assert await given(STAR, "def main(ctx):\n  return {'ctx': ctx}") == {"ctx": CTX}
    assert await given(JSONNET, "function(ctx) {ctx: ctx}") == {"ctx": CTX}


async def test_jsonnet_may_be_a_plain_object() -> None:
    assert await given(JSONNET, "{a: 1.0, b: [true, null], c: 0.5}") == {
        "a": 1,
        "b": [True, None],
        "c": 0.5,
    }


async def test_the_order_of_keys_and_every_kind_of_value_survive_starlark() -> None:
    text = "def main(ctx):\n  return {'z': (1, 2), 'a': [None, True, 1.5, 'ü\\x7f😀'], 'm': {}}"
    value = await given(STAR, text)
    assert value == {"z": [1, 2], "a": [None, True, 1.5, "ü\x7f😀"], "m": {}}
    assert isinstance(value, dict)
    assert list(value) == ["z", "a", "m"]


async def test_what_is_printed_is_no_part_of_the_document() -> None:
    assert await given(STAR, "print('x')\ndef main(ctx):\n  print('y')\n  return {}") == {}
    assert await given(JSONNET, "std.trace('x', {})") == {}


async def test_a_byte_order_mark_is_no_part_of_the_program() -> None:
    assert await given(JSONNET, "\ufeff{}") == {}
    assert await given(STAR, "\ufeffdef main(ctx):\n  return {}") == {}


async def test_jsonnet_imports_relative_to_the_importing_file() -> None:
    value = await given(
        JSONNET,
        "{a: (import 'lib/a.libsonnet').b, s: importstr 'build_sh'}".replace("_", "."),
        lib__a_libsonnet="{b: import 'b.libsonnet', up: import '../top.libsonnet'}",
        lib__b_libsonnet="{inner: (import '../top.libsonnet').name}",
        top_libsonnet="{name: 'top'}",
        build_sh="make\n",
    )
    assert value == {"a": {"inner": "top"}, "s": "make\n"}


async def test_starlark_loads_relative_to_the_loading_file() -> None:
    value = await given(
        STAR,
        "load('lib/a.star', 'a')\nload('top.star', 'name')\n"
        "def main(ctx):\n  return {'a': a(), 'n': name}",
        lib__a_star="load('../top.star', 'name')\ndef a():\n  return 'a of ' + name",
        top_star="name = 'top'",
    )
    assert value == {"a": "a of top", "n": "top"}


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../etc/passwd", "../Makefile", "lib/../../x", "/proc/self/environ"]
)
async def test_nothing_outside_is_imported(path: str) -> None:
    for name, text in (
        (JSONNET, f"{{\n  a: import '{path}'}}"),
        (JSONNET, f"{{\n  a: importstr '{path}'}}"),
        (JSONNET, f"{{\n  a: importbin '{path}'}}"),
        (STAR, f"x = 1\nload('{path}', 'x')"),
    ):
        file, line, _, message, hint = await refused(name, text)
        assert (file, line) == (name, 2)
        assert message == f'"{path}" is outside of .agola/'
        assert "relative" in hint


async def test_an_import_of_nothing_has_the_place_of_the_import() -> None:
    said = await refused(JSONNET, "(import 'a.libsonnet')", a_libsonnet="{\n  x: import 'b'}")
    assert said[:4] == (
        ".agola/a.libsonnet",
        2,
        6,
        ".agola/b cannot be imported: there is no such file",
    )
    assert said[4] == "there is .agola/a.libsonnet, .agola/config.jsonnet"
    said = await refused(STAR, "load('a.star', 'x')", a_star="\nload('b', 'x')")
    assert said[:3] == (".agola/a.star", 2, 1)


async def test_what_is_no_text_is_not_imported() -> None:
    for name, text in ((JSONNET, "importstr 'a.bin'"), (STAR, "load('a.bin', 'x')")):
        assert (await refused(name, text, a_bin=b"\xff"))[3] == ".agola/a.bin is not UTF-8"
    answer = await evaluate({STAR: b"\xff"}, STAR, CONTEXT)
    assert answer.errors[0].message == ".agola/config.star is not UTF-8"


async def test_files_that_load_each_other_are_refused() -> None:
    said = await refused(STAR, "load('a.star', 'a')", a_star="load('config.star', 'main')")
    assert said[3] == (
        "files load each other: .agola/config.star -> .agola/a.star -> .agola/config.star"
    )
    said = await refused(JSONNET, "import 'a.jsonnet'", a_jsonnet="import 'config.jsonnet'")
    assert said[3] == "infinite recursion detected"


@pytest.mark.parametrize(
    ("name", "text", "place", "said"),
    [
        (JSONNET, "{a: 1,\n b: }", (2, 5), "syntax error"),
        (JSONNET, "{a: 1,\n b: c}", (2, 5), "variable is not defined: c"),
        (JSONNET, "{a:\n  error 'no\\nway'}", (2, 3), "no\nway"),
        (JSONNET, "local f(x) = f(x) + 1;\nf(1)", (1, 14), "too many calls inside each other"),
        (JSONNET, "function(x) x", (1, 1), "the function has no parameter ctx"),
        (STAR, "x = 1", (1, 1), "there is no main"),
        (STAR, "\ndef main(ctx)\n  return 1", (2, 14), "unexpected new line"),
        (STAR, "def main(ctx):\n  return ctx.foo", (2, 10), "no attribute `foo`"),
        (STAR, "def main(ctx):\n  fail('no way')", (2, 3), "fail: no way"),
        (STAR, "def main(ctx):\n  return main(ctx)", (2, 10), "call stack overflow"),
        (STAR, "def main(ctx):\n  return [1]", (1, 1), "must return a dict, not list"),
        (STAR, "def main(ctx):\n  return {'a': main}", (1, 1), "not supported on type `function`"),
        (STAR, "def main(ctx):\n  return {(1, 2): 3}", (1, 1), "unhashable"),
        (STAR, "def main():\n  return {}", (1, 1), "extra positional argument"),
    ],
)
async def test_an_error_has_its_place(
    name: str, text: str, place: tuple[int, int], said: str
) -> None:
    file, line, column, message, _ = await refused(name, text)
    assert (file, line, column) == (name, *place)
    assert said in message


async def test_an_error_in_an_imported_file_has_its_place_there() -> None:
    said = await refused(
        STAR,
        "load('a.star', 'f')\ndef main(ctx):\n  return f()",
        a_star="def f():\n  x = 0\n  return 1 // x",
    )
    assert said[:3] == (".agola/a.star", 3, 10)
    said = await refused(JSONNET, "(import 'a.libsonnet').x", a_libsonnet="{\n  x: error 'no'}")
    assert said[:3] == (".agola/a.libsonnet", 2, 6)
    said = await refused(STAR, "load('a.star', 'f')", a_star="def f(\n")
    assert said[0] == ".agola/a.star"
    assert said[3].startswith("Parse error")


async def test_yaml_and_json_are_documents_as_they_are() -> None:
    for name in (".agola/config.yml", ".agola/config.yaml", ".agola/config.json"):
        assert await evaluate({name: b"runs: 7"}, name, CONTEXT) == Evaluated(
            name=name, text=b"runs: 7"
        )


async def test_a_definition_is_read_from_the_document() -> None:
    text = b"{runs: [{name: 'r', tasks: [{name: 't', steps: [{run: 'make'}]}]}]}"
    read = await Evaluator().parsed({JSONNET: text}, JSONNET, CONTEXT)
    assert not read.errors
    assert read.definition
    assert read.definition.runs[0].tasks[0].name == "t"


async def test_places_of_a_generated_document_are_said_to_be_its_own() -> None:
    read = await Evaluator().parsed({JSONNET: b"{runs: 7}"}, JSONNET, CONTEXT)
    assert read.name == ".agola/config.jsonnet (evaluated)"
    assert (read.errors[0].line, read.errors[0].path) == (2, "runs")
    read = await Evaluator().parsed({JSONNET: b"{runs: }"}, JSONNET, CONTEXT)
    assert read.name == JSONNET
    read = await parsed(Evaluated(name=".agola/config.yml", text=b"runs: 7"))
    assert read.name == ".agola/config.yml"


async def test_calls_go_as_deep_as_in_other_evaluators() -> None:
    text = "local f(n) = if n == 0 then 0 else 1 + f(n - 1); {n: f(DEPTH)}"
    assert await given(JSONNET, text.replace("DEPTH", "497")) == {"n": 497}
    assert await refused(JSONNET, text.replace("DEPTH", "600"))


async def test_starlark_has_keyword_only_arguments() -> None:
    text = (
        "def f(a, *, b, **c):\n  return [a, b, c]\ndef main(ctx):\n  return {'f': f(1, b=2, d=3)}"
    )
    assert await given(STAR, text) == {"f": [1, 2, {"d": 3}]}


async def test_a_large_document_is_written_without_spaces() -> None:
    text = "[[i] for i in std.range(100000, 200000)]"
    answer = await evaluated(JSONNET, text)
    assert answer.text.startswith(b"[[100000],")
    assert len(answer.text) < 1024**2
