"""Runs of a work tree that was pushed for just that."""

from dataclasses import dataclass, field
from enum import Enum

from agola.model.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRun:
    """A wish for the runs that the definition in a pushed commit has."""

    repository_uuid: str
    ref: str
    commit_sha: str
    message: str = ""
    """Empty: that of the commit."""
    variables: dict[str, str] = field(default_factory=dict, repr=False)
    inputs: dict[str, str] = field(default_factory=dict, repr=False)
    """By name; each run gets those that it declares."""
    pull_request_refs: tuple[str, ...] = ()
    """What refs of pull requests look like, in RE2; the first group is the id.  Empty: as usual."""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class PushTarget:
    """Where a work tree is pushed to.  The password is a token of the user."""

    url: str
    username: str


class SkipReason(Enum):
    """Why a run that a definition has was not made."""

    COMMIT_MESSAGE = "commit_message"
    """The message of the commit asks for it."""
    WHEN = "when"
    """It is not meant for this ref."""


@dataclass(frozen=True, slots=True)
class SkippedRun:
    """A run that was not made, by name, and why."""

    name: str
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class CreatedRuns:
    """What became of a definition: its runs, in its order, and those that were not made."""

    runs: tuple[Run, ...]
    skipped: tuple[SkippedRun, ...] = ()
