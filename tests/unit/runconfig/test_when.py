"""`when` says for which refs something is meant."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.runconfig.context import Context, RefType, asks_to_skip, context_of
from agola.runconfig.cursor import Cursor
from agola.runconfig.document import load
from agola.runconfig.errors import Problems
from agola.runconfig.pattern import glob_matches, pattern_matches
from agola.runconfig.when import Conditions, When, decide, matches, read_when

MAIN = "refs/heads/main"
TAG = "refs/tags/v1"
PULL = "refs/pull/7/head"


def read(text: str) -> tuple[When | None, Problems]:
    problems = Problems()
    return read_when(Cursor(load(text.encode(), problems), problems, None, "when")), problems


@pytest.mark.parametrize(
    ("when", "meant"),
    [
        ("", {MAIN, TAG, PULL}),
        ("{}", set()),
        ("{branch: main}", {MAIN}),
        ("{branch: other}", set()),
        ("{branch: [other, main]}", {MAIN}),
        ("{branch: /ai/}", {MAIN}),
        ("{branch: '#^ai#'}", set()),
        ("{branch: '/main'}", set()),
        ("{branch: v1, tag: main}", set()),
        ("{tag: v1}", {TAG}),
        ("{branch: main, tag: '/^v/'}", {MAIN, TAG}),
        ("{branch: '/.*/', tag: '/.*/'}", {MAIN, TAG}),
        (r"{ref: '#refs/pull/\d+/head#'}", {PULL}),
        ("{ref: {include: '/.*/', exclude: /pull/}}", {MAIN, TAG}),
        ("{branch: {exclude: main}}", set()),
        ("{branch: {include: main, exclude: main}}", set()),
        ("{branch: main, ref: {exclude: refs/heads/main}}", set()),
        ("{branch: {exclude: main}, ref: /heads/}", {MAIN}),
        ("{branch: {include: [/a/, b]}}", {MAIN}),
        ("{branch: ''}", set()),
    ],
)
def test_it_matches_refs(when: str, meant: set[str]) -> None:
    parsed, problems = read(when)
    assert not problems.errors
    contexts = {ref: context_of(ref) for ref in (MAIN, TAG, PULL)}
    assert {ref for ref, context in contexts.items() if context and matches(parsed, context)} == (
        meant
    )


def test_expressions_are_not_anchored_and_take_linear_time() -> None:
    assert pattern_matches("/aster/", "master")
    assert pattern_matches("#^a/b$#", "a/b")
    assert not pattern_matches("/(a+)+$/", "a" * 5000 + "b")


@pytest.mark.parametrize("pattern", ["/(?=a)b/", r"/(a)\1/", "/(/", "/" + "a" * 2000 + "/"])
def test_what_is_no_expression_is_an_error(pattern: str) -> None:
    _, problems = read("{branch: '" + pattern + "'}")
    [error] = problems.errors
    assert error.path == "when.branch"
    assert "no regular expression" in error.message


def test_too_many_expressions_are_refused_before_they_cost_much() -> None:
    _, problems = read("{branch: [" + ",".join(f"'/x{{0,{n}}}/'" for n in range(1000)) + "]}")
    assert any("more than 500" in error.message for error in problems.errors)


def test_what_never_matches_is_warned_of() -> None:
    assert [warning.path for warning in read("{}")[1].warnings] == ["when"]
    assert [warning.path for warning in read("{tag: {exclude: a}}")[1].warnings] == ["when.tag"]


WORDS = st.sampled_from(["main", "v1", "dev", "refs/heads/main", "refs/tags/v1"])
CONDITIONS = st.none() | st.builds(
    lambda include, exclude: Conditions(include=tuple(include), exclude=tuple(exclude)),
    st.lists(WORDS, max_size=3),
    st.lists(WORDS, max_size=3),
)
CONTEXTS = st.sampled_from(["main", "dev", "v1"]).flatmap(
    lambda name: st.sampled_from(
        [
            Context(ref_type=RefType.BRANCH, ref=f"refs/heads/{name}", branch=name),
            Context(ref_type=RefType.TAG, ref=f"refs/tags/{name}", tag=name),
            Context(ref_type=RefType.PULL_REQUEST, ref=f"refs/pull/{name}", pull_request_id=name),
        ]
    )
)


@given(CONDITIONS, CONDITIONS, CONDITIONS, CONTEXTS)
def test_it_is_a_list_of_rules_of_which_the_last_that_speaks_wins(
    branch: Conditions | None, tag: Conditions | None, ref: Conditions | None, context: Context
) -> None:
    rules: list[tuple[str, bool]] = []
    for conditions, kind in ((branch, "branch"), (tag, "tag"), (ref, "ref")):
        if conditions:
            rules += [(f"{kind}:{name}", True) for name in conditions.include]
            rules += [(f"{kind}:{name}", False) for name in conditions.exclude]
    facts = {f"branch:{context.branch}", f"tag:{context.tag}", f"ref:{context.ref}"}
    verdicts = [verdict for fact, verdict in rules if fact in facts]
    when = When(branch=branch, tag=tag, ref=ref)
    assert when.decide(context).matched == (verdicts[-1] if verdicts else False)


@pytest.mark.parametrize(
    ("ref", "kind", "name"),
    [
        ("refs/heads/a/b", RefType.BRANCH, "a/b"),
        ("refs/tags/v1", RefType.TAG, "v1"),
        ("refs/pull/12/head", RefType.PULL_REQUEST, "12"),
        ("refs/merge-requests/3/head", RefType.PULL_REQUEST, "3"),
    ],
)
def test_a_ref_says_what_it_is_about(ref: str, kind: RefType, name: str) -> None:
    context = context_of(ref)
    assert context
    assert context.ref_type is kind
    assert context.branch + context.tag + context.pull_request_id == name


@pytest.mark.parametrize("ref", ["", "main", "refs/heads/", "refs/notes/x", "refs/pull/x/head"])
def test_a_ref_of_no_known_kind_has_no_context(ref: str) -> None:
    assert context_of(ref) is None


def test_a_commit_message_may_ask_for_no_run() -> None:
    assert asks_to_skip("Fix\n\nlater [skip ci]")
    assert asks_to_skip("[ci skip] Fix")
    assert not asks_to_skip("[CI SKIP] Fix ci skip")


@pytest.mark.parametrize(
    ("when", "ref", "matched", "why"),
    [
        ("", MAIN, True, "no `when`"),
        ("{}", MAIN, False, "an empty `when` never matches"),
        ("{branch: [other, '#^ma#']}", MAIN, True, 'branch include "#^ma#"'),
        ("{branch: {include: main, exclude: /a/}}", MAIN, False, 'branch exclude "/a/"'),
        ("{branch: main, ref: {exclude: /heads/}}", MAIN, False, 'ref exclude "/heads/"'),
        ("{branch: {exclude: main}, ref: /heads/}", MAIN, True, 'ref include "/heads/"'),
        ("{branch: main, tag: v2}", PULL, False, f"nothing includes {PULL}"),
        ("{paths: a}", MAIN, True, "the changed files are not known"),
        ("{branch: x, paths: a}", MAIN, False, f"nothing includes {MAIN}"),
    ],
)
def test_it_says_what_decided(when: str, ref: str, *, matched: bool, why: str) -> None:
    context = context_of(ref)
    assert context
    decision = decide(read(when)[0], context)
    assert (decision.matched, decision.why) == (matched, why)


@pytest.mark.parametrize(
    ("when", "files", "matched", "why"),
    [
        ("{paths: src/**}", ["a", "src/b/c"], True, 'paths include "src/**" (src/b/c)'),
        ("{paths: src/}", ["src/b/c"], True, 'paths include "src/" (src/b/c)'),
        ("{paths: src/*}", ["src/b/c", "srcs"], False, "no changed file is in the paths"),
        ("{paths: '*.md'}", ["README.md"], True, 'paths include "*.md" (README.md)'),
        ("{paths: '*.md'}", ["docs/x.md"], False, "no changed file is in the paths"),
        ("{paths: '**/*.md'}", ["README.md"], True, 'paths include "**/*.md" (README.md)'),
        ("{paths: {exclude: '**/*.md'}}", ["a.md"], False, 'paths exclude "**/*.md" (a.md)'),
        ("{paths: {exclude: '**/*.md'}}", ["a.md", "b"], True, 'paths include "**" (b)'),
        ("{paths: '**'}", [], False, "no changed file is in the paths"),
        ("{branch: main, paths: a}", ["a"], True, 'branch include "main", paths include "a" (a)'),
        ("{branch: main, paths: a}", ["b"], False, "no changed file is in the paths"),
        ("{branch: dev, paths: a}", ["a"], False, f"nothing includes {MAIN}"),
    ],
)
def test_a_changed_file_must_count(when: str, files: list[str], *, matched: bool, why: str) -> None:
    context = Context(ref_type=RefType.BRANCH, ref=MAIN, branch="main", changed_files=tuple(files))
    parsed, problems = read(when)
    decision = decide(parsed, context)
    assert (decision.matched, decision.why) == (matched, why)
    assert not problems.errors


@pytest.mark.parametrize(
    ("pattern", "path", "matched"),
    [
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[!a-c]x", "dx", True),
        ("[x", "[x", True),
        ("a.b", "axb", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("**", "a/b", True),
        ("/a", "a", True),
        ("./a", "a", True),
        ("a+(b)|c{2}", "a+(b)|c{2}", True),
        ("ä*", "äö", True),
        ("a", "A", False),
    ],
)
def test_files_are_matched_whole(pattern: str, path: str, *, matched: bool) -> None:
    assert glob_matches(pattern, path) is matched


@given(st.text("ab*?[]!/.^\\-", max_size=12), st.text("ab/.", max_size=8))
def test_no_pattern_for_files_is_wrong(pattern: str, path: str) -> None:
    parsed, problems = read("{paths: " + json.dumps(pattern) + "}")
    assert parsed
    if not problems.errors:
        glob_matches(pattern, path)


@given(st.text(max_size=20))
def test_every_file_is_its_own_pattern(path: str) -> None:
    plain = "".join(character for character in path if character not in "*?[/")
    assert glob_matches(plain.removeprefix("."), plain.removeprefix("."))
