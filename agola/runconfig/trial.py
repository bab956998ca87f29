"""Trying a definition without making runs: what is asked, and what is found."""

from msgspec import Struct

from agola.runconfig.errors import Problem

MAX_FILES = 500
MAX_FILES_BYTES = 2 << 20
"""How large all files of a trial may be together."""


class Trial(Struct, frozen=True, kw_only=True):
    """A definition, with what it imports, and the event to try it for."""

    files: dict[str, bytes]
    """By their paths in the repository."""
    path: str = ""
    """The definition.  Empty: the first of those that are looked for in a repository."""
    ref: str = ""
    commit_sha: str = ""
    message: str = ""
    changed_files: tuple[str, ...] | None = None
    """None: not known."""


class Checked(Struct, frozen=True, kw_only=True):
    """What is wrong with a definition."""

    file: str
    """What lines and columns are about: the definition, or the document that it evaluates to."""
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
