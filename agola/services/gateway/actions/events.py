"""What made a run: a ref and a commit of a repository.  Pure.

Group paths, annotations and the names of environment variables are those of Agola since ever.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import re2

from agola.core.errors import BadRequestError
from agola.model.repository import Repository
from agola.model.run_config import GitSource
from agola.runconfig import Context, RefType, context_of, is_ref_name
from agola.services.gateway.actions.authorization import user_group

MAX_MESSAGE_CHARACTERS = 4000
"""How much of a commit's message a run keeps: it travels with every glance at the run."""

MAX_PATTERNS = 10
MAX_PATTERN_CHARACTERS = 500

GROUP_TYPES = {RefType.BRANCH: "branch", RefType.TAG: "tag", RefType.PULL_REQUEST: "pr"}
DEFAULT_PORTS = {"http": "80", "https": "443", "ssh": "22"}
PATH_SEGMENT_SAFE = "$&+=:@"
"""What Go leaves as it is in a path segment, besides what Python does: groups must stay equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectEvent:
    """A work tree was pushed."""

    repository: Repository
    context: Context
    message: str

    @property
    def group(self) -> str:
        """The run group: at most one run of it runs at a time."""
        context = self.context
        name = context.branch or context.tag or context.pull_request_id
        path = self.repository.path
        kind = GROUP_TYPES[context.ref_type]
        return f"{user_group(path.user_id)}/repository/{path.uuid}/{kind}/{escape(name)}"

    @property
    def cache_group(self) -> str:
        """Where caches belong: to the work tree, whatever the branch."""
        return f"{self.repository.path.user_id}-{self.repository.path.uuid}"

    @property
    def source(self) -> GitSource:
        repository = self.repository
        return GitSource(
            url=repository.clone_url,
            ref=self.context.ref,
            commit=self.context.commit_sha,
            username=repository.clone_username,
            password=repository.clone_password,
        )

    @property
    def annotations(self) -> dict[str, str]:
        """What people and programs may want to know of the run, as far as it applies."""
        context = self.context
        known = {
            "run_type": "user",
            "run_creation_trigger": "manual",
            "userid": self.repository.path.user_id,
            "repository_uuid": self.repository.path.uuid,
            "ref_type": context.ref_type.value,
            "ref": context.ref,
            "branch": context.branch,
            "tag": context.tag,
            "pull_request_id": context.pull_request_id,
            "commit_sha": context.commit_sha,
            "message": shortened(self.message),
        }
        return {name: text for name, text in known.items() if text}

    @property
    def environment(self) -> dict[str, str]:
        """What every step can rely on.  What does not apply is empty."""
        context, url = self.context, urlsplit(self.repository.clone_url)
        return {
            "CI": "true",
            "AGOLA_REPOSITORY_URL": self.repository.clone_url,
            "AGOLA_GIT_HOST": url.hostname or "",
            "AGOLA_GIT_PORT": str(url.port or "") or DEFAULT_PORTS.get(url.scheme, ""),
            "AGOLA_GIT_REF_TYPE": context.ref_type.value,
            "AGOLA_GIT_REF": context.ref,
            "AGOLA_GIT_BRANCH": context.branch,
            "AGOLA_GIT_TAG": context.tag,
            "AGOLA_PULL_REQUEST_ID": context.pull_request_id,
            "AGOLA_GIT_COMMITSHA": context.commit_sha,
        }


def read_ref(ref: str, *, commit_sha: str, pull_request_refs: tuple[str, ...] = ()) -> Context:
    """Say what a full ref is about.

    BadRequestError: GIT_REF_REQUIRED, GIT_REF_INVALID, PULL_REQUEST_REF_REGEX_INVALID.
    """
    if not ref:
        raise BadRequestError("say for which ref", reason="GIT_REF_REQUIRED")
    if not pull_request_refs or not is_ref_name(ref):
        context = context_of(ref, commit_sha=commit_sha)
    else:
        context = context_of(ref, commit_sha=commit_sha, pull_request_refs=())
        context = context or _pull_request(ref, commit_sha, pull_request_refs)
    if context is None:
        message = f"{ref!r} is no full name of a branch, a tag or a pull request's ref"
        raise BadRequestError(message, reason="GIT_REF_INVALID", ref=ref)
    return context


def escape(name: str) -> str:
    """Write a name so that it is one segment of a path."""
    return quote(name, safe=PATH_SEGMENT_SAFE)


def shortened(message: str) -> str:
    """Give a message that is not too long to be carried around."""
    if len(message) <= MAX_MESSAGE_CHARACTERS:
        return message
    return message[: MAX_MESSAGE_CHARACTERS - 1] + "…"


def _pull_request(ref: str, commit_sha: str, patterns: tuple[str, ...]) -> Context | None:
    if len(patterns) > MAX_PATTERNS:
        raise _bad_pattern(f"there are more than {MAX_PATTERNS} patterns", patterns[MAX_PATTERNS])
    for pattern in patterns:
        if found := _full_match(pattern, ref):
            return Context(
                ref_type=RefType.PULL_REQUEST,
                ref=ref,
                pull_request_id=found,
                commit_sha=commit_sha,
            )
    return None


def _full_match(pattern: str, ref: str) -> str:
    """Give what the first group of *pattern* matches.  RE2: in time linear in the ref's length."""
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise _bad_pattern(f"it has more than {MAX_PATTERN_CHARACTERS} characters", pattern)
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise _bad_pattern("it is no regular expression", pattern) from error
    if compiled.groups < 1:
        raise _bad_pattern("it has no group for the id", pattern)
    found = compiled.fullmatch(ref)
    return (found[1] or "") if found else ""


def _bad_pattern(why: str, pattern: str) -> BadRequestError:
    shown = pattern[:MAX_PATTERN_CHARACTERS]
    message = f"the pattern {shown!r} for refs of pull requests is not usable: {why}"
    return BadRequestError(message, reason="PULL_REQUEST_REF_REGEX_INVALID", pattern=shown, why=why)
