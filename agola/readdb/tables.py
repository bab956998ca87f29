"""How objects lie in tables, and how far the tables have come."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from agola.datamanager.port import Action, StoredObject, WalSequence
from agola.storage.sql.port import Row, Transaction

DECODED_AT_ONCE = 50
"""How many objects are made rows of before somebody else has a turn: a millisecond or so."""
LOADED_AT_ONCE = 500

PROGRESS = """
CREATE TABLE IF NOT EXISTS progress (id BIGINT PRIMARY KEY, wal_sequence TEXT NOT NULL);
"""
NOTHING = WalSequence("")

Rows = Mapping[str, Iterable[Row]]
"""By table; in the order of its columns."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How the objects of one data type lie in tables.

    Each table has the object's id in a column `id`, of which there is an index.
    """

    data_type: str
    tables: Mapping[str, tuple[str, ...]]
    """The columns of each."""
    rows: Callable[[bytes], Rows]


class Tables:
    """All tables of a read database."""

    def __init__(self, definition: str, kinds: Sequence[Kind]) -> None:
        self.definition = PROGRESS + definition
        self._kinds = {kind.data_type: kind for kind in kinds}

    async def apply(self, tx: Transaction, actions: Iterable[Action]) -> None:
        """Do to the tables what was done to objects.  Types without tables are passed over."""
        last = {(action.data_type, action.id): action for action in actions}
        for data_type, kind in self._kinds.items():
            mine = [action for action in last.values() if action.data_type == data_type]
            if not mine:
                continue
            for table in kind.tables:
                await tx.execute_many(
                    f"DELETE FROM {table} WHERE id = ?",  # noqa: S608 (ours)
                    [(action.id,) for action in mine],
                )
            added = [kind.rows(action.data) for action in mine if action.data is not None]
            for table, columns in kind.tables.items():
                rows = [*chain.from_iterable(each[table] for each in added)]
                await tx.execute_many(_insert(table, columns), rows)

    async def clear(self, tx: Transaction) -> None:
        """Forget everything."""
        tables = chain.from_iterable(kind.tables for kind in self._kinds.values())
        for table in ("progress", *tables):
            await tx.execute(f"DELETE FROM {table}")  # noqa: S608 (ours)

    async def load(self, tx: Transaction, objects: AsyncIterable[StoredObject]) -> None:
        """Add objects that are not there yet."""
        loading: dict[str, list[Row]] = defaultdict(list)
        count = 0
        async for stored in objects:
            for table, rows in self._kinds[stored.data_type].rows(stored.data).items():
                loading[table] += rows
            count += 1
            if count % DECODED_AT_ONCE == 0:
                await asyncio.sleep(0)
            if count % LOADED_AT_ONCE == 0:
                await self._load(tx, loading)
        await self._load(tx, loading)

    @property
    def data_types(self) -> Iterable[str]:
        return self._kinds

    async def _load(self, tx: Transaction, loading: dict[str, list[Row]]) -> None:
        for kind in self._kinds.values():
            for table, columns in kind.tables.items():
                if rows := loading.pop(table, []):
                    await tx.load(table, columns, rows)


async def progress(tx: Transaction) -> WalSequence:
    """Say which batch was applied last.  `NOTHING` if the tables were never filled."""
    rows = await tx.fetch("SELECT wal_sequence FROM progress")
    return WalSequence(rows[0][0]) if rows else NOTHING


async def set_progress(tx: Transaction, position: WalSequence) -> None:
    await tx.execute(
        "INSERT INTO progress (id, wal_sequence) VALUES (0, ?)"
        " ON CONFLICT (id) DO UPDATE SET wal_sequence = excluded.wal_sequence",
        (position,),
    )


def _insert(table: str, columns: Sequence[str]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 (ours)
