"""The read database in one SQLite file.

Statements run on the event loop: they take microseconds, a hop to a thread ten times that.
What waits for the disk does not: committing in WAL mode with `synchronous = NORMAL` never syncs,
and checkpoints, which do, happen in a thread.  A power cut may cost the last transactions, which
suits a cache that knows its own revision.

To fill it from the beginning is work for a thread too, and happens in another file, which then
takes the place of the first: so readers have the old one until the new one is complete, and a file
that was deleted, is damaged or has the tables of another version is nothing special.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar

from agola.core.background import to_the_end
from agola.core.errors import UnavailableError
from agola.storage.sql.port import LOST, Row, Transaction, Value
from agola.storage.sql.sqlite_file import (
    SqliteFile,
    building,
    complete,
    fold,
    lost,
    remove,
    translate,
)
from agola.storage.sql.statement import Statements

CHECKPOINT_ROWS = 1000
"""How many rows may change until the log of changes is folded into the file."""

T = TypeVar("T")


class Runner(Protocol):
    """Does something, and waits for it to be done."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


@asynccontextmanager
async def opening_sqlite(path: Path, definition: str) -> AsyncGenerator["SqliteDatabase", None]:
    """Open the database at *path*, if it is there and its tables were made by *definition*."""
    with ThreadPoolExecutor(1, thread_name_prefix="sqlite") as pool:
        database = SqliteDatabase(path, definition, pool)
        try:
            await database.open()
            yield database
        finally:
            await database.close()


class SqliteDatabase:
    """`Database` over the file of the moment."""

    def __init__(self, path: Path, definition: str, pool: ThreadPoolExecutor) -> None:
        self._path = path
        self._definition = definition
        self._pool = pool
        self._writing = asyncio.Lock()
        self._file: SqliteFile | None = None
        self._changes_folded = 0

    async def open(self) -> None:
        """Look for the file.  UnavailableError if there cannot be one."""
        try:
            self._file = await self._in_thread(self._opened)
        except UnavailableError as error:
            if error.reason != LOST:
                raise

    async def close(self) -> None:
        """Close every connection; folds the log into the file."""
        if self._file:
            await self._in_thread(self._file.close)

    @asynccontextmanager
    async def tx(self) -> AsyncGenerator[Transaction, None]:
        async with self._writing:
            writer = self._present().writer
            async with _transaction(writer, "BEGIN IMMEDIATE") as tx:
                yield tx
            changes = writer.total_changes
        if changes - self._changes_folded >= CHECKPOINT_ROWS:
            self._changes_folded = changes
            self._pool.submit(fold, self._path)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Transaction, None]:
        with self._present().reader() as reader:
            async with _transaction(reader, "BEGIN") as tx:
                yield tx

    @asynccontextmanager
    async def fresh(self) -> AsyncGenerator[Transaction, None]:
        path = self._path.with_name(f"{self._path.name}-new")
        async with self._writing:
            statements = Statements(translate)
            with statements.one():
                connection = await self._in_thread(lambda: building(path, self._definition))
            try:
                yield SqliteTransaction(connection, statements, self._in_thread)
                with statements.one():
                    await self._in_thread(lambda: complete(connection, path, self._definition))
                    self._replace(path)
            finally:
                statements.end()
                connection.close()
                path.unlink(missing_ok=True)

    def _present(self) -> SqliteFile:
        """Give the file.  UnavailableError (`SQL_LOST`) if somebody took it away."""
        if self._file is None or not self._file.in_place():
            raise lost("it is not there")
        return self._file

    def _replace(self, path: Path) -> None:
        """Let the file at *path* be the database.  Whoever reads the old one still has it."""
        old, self._file = self._file, None
        remove(self._path)
        path.replace(self._path)
        self._file = SqliteFile(self._path, self._definition)
        self._changes_folded = 0
        if old:
            self._pool.submit(old.close)

    def _opened(self) -> SqliteFile:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise translate(error) from error
        return SqliteFile(self._path, self._definition)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do *work* in the thread.  It is over when this is, however this ends."""
        return await to_the_end(asyncio.get_running_loop().run_in_executor(self._pool, work))


class SqliteTransaction:
    """`Transaction` on one connection, its statements run by *run*."""

    def __init__(self, connection: sqlite3.Connection, statements: Statements, run: Runner) -> None:
        self._connection = connection
        self._statements = statements
        self._run = run

    async def execute(self, sql: str, params: Sequence[Value] = ()) -> int:
        with self._statements.one():
            cursor = await self._run(lambda: self._connection.execute(sql, params))
            return max(cursor.rowcount, 0)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        with self._statements.one():
            await self._run(lambda: self._connection.executemany(sql, rows))

    async def load(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]
    ) -> None:
        marks = ", ".join("?" * len(columns))
        names = ", ".join(columns)
        await self.execute_many(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608 (ours)

    async def fetch(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        with self._statements.one():
            return await self._run(lambda: self._connection.execute(sql, params).fetchall())


async def _here(work: Callable[[], T]) -> T:
    return work()


@asynccontextmanager
async def _transaction(
    connection: sqlite3.Connection, begin: str
) -> AsyncGenerator[SqliteTransaction, None]:
    statements = Statements(translate)
    with statements.one():
        connection.execute(begin)
    try:
        yield SqliteTransaction(connection, statements, _here)
        with statements.one():
            connection.execute("COMMIT")
    finally:
        statements.end()
        with suppress(sqlite3.Error):  # the engine itself rolls back after some errors
            connection.rollback()
