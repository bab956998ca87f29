"""The read database of ended runs.  It follows the datamanager, and may be deleted at any time."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager

import msgspec

from agola.core.background import background
from agola.core.errors import ConcurrencyError, OutOfRangeError, UnavailableError
from agola.datamanager.port import Action, Batch, DataManager, WalSequence
from agola.model.group import enclosing, root_group
from agola.model.run import ArchivedRun, Phase, Result, Run
from agola.model.run_config import RunID
from agola.storage.sql import transact
from agola.storage.sql.port import Database, Transaction, Value

logger = logging.getLogger(__name__)

MIGRATIONS = (
    """
    CREATE TABLE run (
        id TEXT PRIMARY KEY,
        root_group TEXT NOT NULL,
        counter BIGINT NOT NULL,
        request_id TEXT,
        phase TEXT NOT NULL,
        result TEXT NOT NULL,
        document TEXT NOT NULL
    );
    CREATE INDEX run_by_number ON run (root_group, counter);
    CREATE INDEX run_by_request ON run (request_id);
    CREATE TABLE run_group (
        name TEXT NOT NULL,
        run_id TEXT NOT NULL,
        PRIMARY KEY (name, run_id)
    );
    CREATE TABLE progress (id BIGINT PRIMARY KEY, wal_sequence TEXT NOT NULL);
    """,
)
RUN = "run"
REBUILD_ROWS = 500
RETRY_SECONDS = 0.5


class RunTable:
    """Finds ended runs by group, number, request, phase and result."""

    def __init__(self, database: Database, datamanager: DataManager) -> None:
        self._database = database
        self._datamanager = datamanager
        self._reached = asyncio.Condition()
        self._position = WalSequence("")

    async def reached(self, sequence: WalSequence) -> None:
        """Wait until a batch of the datamanager shows in every answer."""
        async with self._reached:
            await self._reached.wait_for(lambda: self._position >= sequence)

    async def follow(self) -> None:
        """Keep the table true, for ever.  Builds it anew if the log no longer reaches back."""
        stale = False
        while True:
            try:
                position = None if stale else await self._stored_position()
                position = position or await self._rebuild()
                stale = False
                await self._advance(position)
                async with aclosing(self._datamanager.follow(position)) as batches:
                    async for batch in batches:
                        await self._apply(batch)
            except OutOfRangeError as error:
                logger.info("building the table of runs anew: %s", error)
                stale = True
            except (UnavailableError, ConcurrencyError) as error:
                logger.warning("the table of runs falls behind: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

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
        order, behind = ("ASC", ">") if ascending else ("DESC", "<")
        source, id_ = ("run", "run.id")
        where: list[str] = []
        params: list[Value] = []
        if group:
            source, id_ = "run_group JOIN run ON run.id = run_group.run_id", "run_group.run_id"
            where.append("run_group.name = ?")
            params.append(group)
        if after:
            where.append(f"{id_} {behind} ?")
            params.append(after)
        for column, values in (("phase", phases), ("result", results)):
            if values:
                where.append(f"run.{column} IN ({', '.join('?' * len(values))})")
                params += [value.value for value in values]
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        sql = (
            f"SELECT document FROM {source} {condition} "  # noqa: S608 (only names of ours)
            f"ORDER BY {id_} {order} LIMIT ?"
        )
        async with self._database.read() as tx:
            rows = await tx.fetch(sql, (*params, limit))
        return [msgspec.json.decode(document, type=Run) for (document,) in rows]

    async def _one(self, sql: str, params: Sequence[Value]) -> RunID | None:
        async with self._database.read() as tx:
            rows = await tx.fetch(sql, params)
        return RunID(rows[0][0]) if rows else None

    async def _stored_position(self) -> WalSequence | None:
        async with self._database.read() as tx:
            rows = await tx.fetch("SELECT wal_sequence FROM progress")
        return WalSequence(rows[0][0]) if rows else None

    async def _rebuild(self) -> WalSequence:
        position = await self._datamanager.position()

        async def empty(tx: Transaction) -> None:
            for table in ("run", "run_group", "progress"):
                await tx.execute(f"DELETE FROM {table}")  # noqa: S608 (only names of ours)

        await transact(self._database, empty)
        rows: list[ArchivedRun] = []
        async with aclosing(self._datamanager.scan(RUN)) as stored:
            async for one in stored:
                rows.append(msgspec.json.decode(one.data, type=ArchivedRun))
                if len(rows) == REBUILD_ROWS:
                    await self._insert(rows, None)
                    rows.clear()
        await self._insert(rows, position)
        return position

    async def _apply(self, batch: Batch) -> None:
        runs = [action for action in batch.actions if action.data_type == RUN]
        if runs:
            await self._insert(_archived(runs), batch.sequence)
        await self._advance(batch.sequence)

    async def _advance(self, position: WalSequence) -> None:
        async with self._reached:
            self._position = position
            self._reached.notify_all()

    async def _insert(self, runs: Sequence[ArchivedRun], position: WalSequence | None) -> None:
        async def work(tx: Transaction) -> None:
            await tx.execute_many(
                "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                [_row(archived.run) for archived in runs],
            )
            await tx.execute_many(
                "INSERT INTO run_group VALUES (?, ?) ON CONFLICT (name, run_id) DO NOTHING",
                [(name, one.run.id) for one in runs for name in enclosing(one.run.group)],
            )
            if position is not None:
                await tx.execute(
                    "INSERT INTO progress VALUES (1, ?) "
                    "ON CONFLICT (id) DO UPDATE SET wal_sequence = excluded.wal_sequence",
                    (position,),
                )

        await transact(self._database, work)


@asynccontextmanager
async def run_table(database: Database, datamanager: DataManager) -> AsyncGenerator[RunTable, None]:
    """Give the table of ended runs, true up to now, and keep it true while the block runs."""
    table = RunTable(database, datamanager)
    async with background(table.follow):
        await table.reached(await datamanager.position())
        yield table


def _archived(actions: Iterable[Action]) -> list[ArchivedRun]:
    return [
        msgspec.json.decode(action.data, type=ArchivedRun)
        for action in actions
        if action.data is not None
    ]


def _row(run: Run) -> tuple[Value, ...]:
    return (
        run.id,
        root_group(run.group),
        run.counter,
        run.request_id or None,
        run.phase.value,
        run.result.value,
        msgspec.json.encode(run).decode(),
    )
