"""The read database of ended runs, and the questions that it answers.

A group has a row for each run in it or below it, so that names are compared whole and exactly.
The group of all runs has no name.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from agola.model.group import enclosing, root_group
from agola.model.run import Phase, Result, Run
from agola.model.run_config import RunID
from agola.readdb import Kind, ReadDatabase, Tables
from agola.readdb.tables import Rows
from agola.storage.sql.port import Value

RUN = "run"
"""The data type of the datamanager."""

_DEFINITION = """
CREATE TABLE IF NOT EXISTS run (
    id TEXT PRIMARY KEY,
    root_group TEXT NOT NULL,
    counter BIGINT NOT NULL,
    request_id TEXT,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS run_number ON run (root_group, counter);
CREATE INDEX IF NOT EXISTS run_request ON run (request_id);

CREATE TABLE IF NOT EXISTS run_group (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    run_id TEXT NOT NULL  -- the id again: were it one column, PostgreSQL might walk the wrong index
);
CREATE INDEX IF NOT EXISTS run_group_id ON run_group (id);
CREATE INDEX IF NOT EXISTS run_group_name ON run_group (name, run_id);
CREATE INDEX IF NOT EXISTS run_group_state ON run_group (name, state, run_id);
"""
_RUN = ("id", "root_group", "counter", "request_id", "document")
_RUN_GROUP = ("id", "name", "state", "run_id")
_ENDED = tuple(phase for phase in Phase if phase.ended)


class RunTable:
    """Finds ended runs by group, number, request, phase and result."""

    def __init__(self, copy: ReadDatabase) -> None:
        self._copy = copy

    async def newest_run_id(self) -> str:
        """Give the largest id of an ended run, or ""."""
        return await self._one("SELECT id FROM run ORDER BY id DESC LIMIT 1", ()) or ""

    async def numbered(self, root: str, counter: int) -> RunID | None:
        """Say which run has a number."""
        sql = "SELECT id FROM run WHERE root_group = ? AND counter = ?"
        return await self._one(sql, (root, counter))

    async def requested(self, request_id: str) -> RunID | None:
        """Say which run a request made."""
        return await self._one("SELECT id FROM run WHERE request_id = ?", (request_id,))

    async def list(
        self,
        *,
        phases: Sequence[Phase],
        results: Sequence[Result],
        group: str,
        after: str,
        limit: int,
        ascending: bool,
    ) -> Sequence[Run]:
        """Give runs behind an id, in the order of ids.  Costs what the page costs."""
        states = _states(phases, results)
        if not states:
            return []
        sql, params = page(states, group=group, after=after, limit=limit, ascending=ascending)
        async with self._copy.read() as tx:
            rows = await tx.fetch(sql, params)
        return [msgspec.json.decode(document, type=Run) for (document,) in rows]

    async def _one(self, sql: str, params: Sequence[Value]) -> RunID | None:
        async with self._copy.read() as tx:
            rows = await tx.fetch(sql, params)
        return RunID(rows[0][0]) if rows else None


def page(
    states: Sequence[str], *, group: str, after: str, limit: int, ascending: bool
) -> tuple[str, list[Value]]:
    """Say how to ask for a page.

    The runs of one group and state lie in the order of their ids in an index; a page of several
    states is merged from a page of each.  The limit is no parameter, for PostgreSQL plans by it.
    """
    order, behind = ("ASC", ">") if ascending else ("DESC", "<")
    ids: list[str] = []
    params: list[Value] = []
    for state in [""] if len(states) == len(_ALL) else states:
        conditions = {"state = ?": state, f"run_id {behind} ?": after}
        given = {"name = ?": group, **{each: value for each, value in conditions.items() if value}}
        ids.append(
            f"SELECT run_id FROM run_group WHERE {' AND '.join(given)} "  # noqa: S608 (ours)
            f"ORDER BY run_id {order} LIMIT {limit}"
        )
        params += given.values()
    merged = " UNION ALL ".join(
        f"SELECT run_id FROM ({each}) AS of_state"  # noqa: S608 (ours)
        for each in ids
    )
    sql = (
        "SELECT document FROM run WHERE id IN "  # noqa: S608 (ours)
        f"(SELECT run_id FROM ({merged}) AS merged ORDER BY run_id {order} LIMIT {limit}) "
        f"ORDER BY id {order}"
    )
    return sql, params


def _states(phases: Sequence[Phase], results: Sequence[Result]) -> list[str]:
    return [
        f"{phase.value}/{result.value}"
        for phase in _ENDED
        if not phases or phase in phases
        for result in Result
        if not results or result in results
    ]


_ALL = _states((), ())


class _Stored(Struct):
    """Of an archived run what matters here."""

    run: msgspec.Raw


class _Columns(Struct):
    """Of a run what it is searched by, spelled and left out as it is stored."""

    id: str
    group: str
    counter: int
    request_id: str = ""
    phase: str = Phase.QUEUED.value
    result: str = Result.UNKNOWN.value


_stored = msgspec.json.Decoder(_Stored)
_columns = msgspec.json.Decoder(_Columns)


def _rows(data: bytes) -> Rows:
    document = _stored.decode(data).run
    run = _columns.decode(document)
    state = f"{run.phase}/{run.result}"
    number, request_id = (root_group(run.group), run.counter), run.request_id or None
    return {
        "run": [(run.id, *number, request_id, bytes(document).decode())],
        "run_group": [(run.id, name, state, run.id) for name in ("", *enclosing(run.group))],
    }


TABLES = Tables(_DEFINITION, [Kind(RUN, {"run": _RUN, "run_group": _RUN_GROUP}, _rows)])
