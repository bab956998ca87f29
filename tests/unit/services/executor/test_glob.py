"""Patterns for paths."""

import pytest

from agola.core.errors import PreconditionError
from agola.services.executor.steps.glob import matcher


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("*.txt", ["a.txt", ".txt"], ["a/b.txt", "a.txtx", "atxt"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("**", ["a", "a/b", "a/b/c"], []),
        ("**/*.go", ["x.go", "a/x.go", "a/b/x.go"], ["x.gone", "a/x.py"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]),
        ("dist/**", ["dist/a", "dist/a/b"], ["dist", "distant/a"]),
        ("a**b", ["ab", "axb"], ["a/b"]),
        ("[ab].c", ["a.c", "b.c"], ["c.c", "].c"]),
        ("[!ab].c", ["c.c"], ["a.c", "/.c"]),
        ("[a-c]", ["b"], ["d", "-"]),
        ("{a,b}.{c,d}", ["a.c", "b.d"], ["a.b", "{a,b}.c"]),
        ("a,b", ["a,b"], ["a", "b"]),
        (r"\*", ["*"], ["a"]),
        ("./a", ["a"], ["./a"]),
        ("a.b", ["a.b"], ["axb"]),
        ("(a|b)+", ["(a|b)+"], ["a"]),
        ("é*", ["été"], ["ete"]),
    ],
)
def test_a_pattern_matches_whole_paths(pattern: str, matches: list[str], others: list[str]) -> None:
    test = matcher(pattern)
    assert [path for path in matches + others if test(path)] == matches


def test_names_that_are_no_text_match_stars() -> None:
    assert matcher("**")("a/\udcff.txt")


@pytest.mark.parametrize("pattern", ["{a", "a}", "[z-a]"])
def test_a_pattern_that_is_none_is_an_error(pattern: str) -> None:
    with pytest.raises(PreconditionError) as caught:
        matcher(pattern)
    assert caught.value.reason == "PATTERN_INVALID"
