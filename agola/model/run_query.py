"""Asking for runs: by number, by filter, page by page."""

from msgspec import Struct

from agola.model.run import Phase, Result, Run


class RunNumber(Struct, frozen=True, kw_only=True):
    """Names a run the way people do."""

    root_group: str
    """`/project/<id>` or `/user/<id>`."""
    counter: int


class RunFilter(Struct, frozen=True, kw_only=True):
    """Which runs.  All parts must hold; an empty part always does."""

    phases: tuple[Phase, ...] = ()
    results: tuple[Result, ...] = ()
    group: str = ""
    """This group, and those below it, compared name by name."""


class RunPage(Struct, frozen=True, kw_only=True):
    """Some runs, and where to go on (empty: nowhere)."""

    runs: tuple[Run, ...] = ()
    next_page_token: str = ""
