"""What a ref is about, and which names a ref can have."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agola.runconfig import RefType, context_of, is_ref_name

PARTS = ["a", "é", ".", "..", "/", "//", "@", "{", "@{", "-", ".lock", "lock", " ", "~", "^", ":"]
PARTS += ["?", "*", "[", "]", "\\", "\t", "\n", "\x7f", "\x1f", "}", "%", "'", '"', "\u00a0"]


def git_takes(ref: str) -> bool:
    return subprocess.run(["git", "check-ref-format", ref], check=False).returncode == 0


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=6).map("".join), st.booleans())
def test_the_names_of_refs_are_those_that_git_takes(name: str, full: bool) -> None:  # noqa: FBT001
    ref = f"refs/heads/{name}" if full else name
    assert is_ref_name(ref) == git_takes(ref)


@pytest.mark.parametrize("name", ["a b", "a..b", "a\n", "x.lock", "a/", "@{", ""])
def test_what_is_no_name_is_no_context(name: str) -> None:
    for prefix in ("refs/heads/", "refs/tags/", "refs/pull/"):
        assert context_of(prefix + name) is None


def test_branches_tags_and_pull_requests_are_known() -> None:
    refs = ["refs/heads/a/b", "refs/tags/v1.0", "refs/pull/7/head", "refs/merge-requests/8/head"]
    found = [context_of(ref) for ref in refs]
    assert [(one.ref_type, one.branch, one.tag, one.pull_request_id) for one in found if one] == [
        (RefType.BRANCH, "a/b", "", ""),
        (RefType.TAG, "", "v1.0", ""),
        (RefType.PULL_REQUEST, "", "", "7"),
        (RefType.PULL_REQUEST, "", "", "8"),
    ]
    assert context_of("refs/notes/x") is context_of("main") is None
