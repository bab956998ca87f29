"""What a run is about: the ref and the commit, as definitions may ask for them."""

import re
from enum import Enum

from msgspec import Struct

PULL_REQUEST_REFS = (r"refs/pull/(\d+)/head", r"refs/merge-requests/(\d+)/head")
"""How the refs of pull requests look at GitHub and Gitea, and at GitLab.  The group is the id."""

_NO_REF_NAME = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(?:^|/)\.|\.lock(?:/|\Z)|^/|[/.]\Z", re.ASCII
)
"""What no ref's name has, see git-check-ref-format(1)."""

_SKIP_MARKERS = ("[ci skip]", "[skip ci]")


class RefType(Enum):
    """What kind of ref a run is about."""

    BRANCH = "branch"
    TAG = "tag"
    PULL_REQUEST = "pull_request"


class Context(Struct, frozen=True, kw_only=True):
    """A ref and its commit.  What does not apply to the ref's type is empty."""

    ref_type: RefType
    ref: str
    branch: str = ""
    tag: str = ""
    pull_request_id: str = ""
    commit_sha: str = ""
    changed_files: tuple[str, ...] | None = None
    """The paths of files that the event changed, from the root of the repository.  None: nobody
    knows."""


def context_of(
    ref: str, *, commit_sha: str = "", pull_request_refs: tuple[str, ...] = PULL_REQUEST_REFS
) -> Context | None:
    """Say what a full ref, such as `refs/heads/main`, is about.

    None if it is of no known kind, or a name that git would not take.
    """
    if not is_ref_name(ref):
        return None
    branch, tag = ref.removeprefix("refs/heads/"), ref.removeprefix("refs/tags/")
    if branch not in {ref, ""}:
        return Context(ref_type=RefType.BRANCH, ref=ref, branch=branch, commit_sha=commit_sha)
    if tag not in {ref, ""}:
        return Context(ref_type=RefType.TAG, ref=ref, tag=tag, commit_sha=commit_sha)
    for pattern in pull_request_refs:
        if found := re.fullmatch(pattern, ref):
            return Context(
                ref_type=RefType.PULL_REQUEST,
                ref=ref,
                pull_request_id=found[1],
                commit_sha=commit_sha,
            )
    return None


def is_ref_name(ref: str) -> bool:
    """Say whether git allows a full ref of this name."""
    return "/" in ref and not _NO_REF_NAME.search(ref)


def asks_to_skip(message: str) -> bool:
    """Say whether a commit message asks that no run starts: `[ci skip]` or `[skip ci]`."""
    return any(marker in message for marker in _SKIP_MARKERS)
