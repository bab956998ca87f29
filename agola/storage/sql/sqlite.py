"""The read database in one SQLite file.

Statements run on the event loop: they take microseconds, a hop to a thread ten times that.
What waits for the disk does not: committing in WAL mode with `synchronous = NORMAL` never syncs,
and checkpoints, which do, happen in a thread.  A power cut may cost the last transactions, which
suits a cache that knows its own revision.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

from agola.core.errors import AgolaError, ConcurrencyError, InternalError, UnavailableError
from agola.storage.sql.migrations import migrate
from agola.storage.sql.port import CONFLICT, Row, Transaction, Value
from agola.storage.sql.statement import Statements

logger = logging.getLogger(__name__)

IDLE_READERS = 8
CHECKPOINT_ROWS = 1000
"""How many rows may change until the log of changes is folded into the file."""
OPEN_TIMEOUT_SECONDS = 10.0
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_AWAY = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


@asynccontextmanager
async def opening_sqlite(
    path: Path, migrations: Sequence[str]
) -> AsyncGenerator["SqliteDatabase", None]:
    """Open the database at *path*, created if absent, with its tables up to date."""
    with ThreadPoolExecutor(1, thread_name_prefix="sqlite") as pool:
        database = SqliteDatabase(path, pool)
        try:
            await database.open()
            await migrate(database, migrations)
            yield database
        finally:
            await database.close()


class SqliteDatabase:
    """`Database` over one writing connection and as many reading ones as read at once."""

    def __init__(self, path: Path, pool: ThreadPoolExecutor) -> None:
        self._path = path
        self._pool = pool
        self._writing = asyncio.Lock()
        self._writer: sqlite3.Connection | None = None
        self._readers: list[sqlite3.Connection] = []
        self._changes_folded = 0

    async def open(self) -> None:
        """Make the file and the connection that writes.  UnavailableError."""
        loop = asyncio.get_running_loop()
        self._writer = await loop.run_in_executor(self._pool, _create, self._path)

    async def close(self) -> None:
        """Close every connection; folds the log into the file."""
        connections = [*self._readers, self._writer]
        loop = asyncio.get_running_loop()
        for connection in connections:
            if connection:
                await loop.run_in_executor(self._pool, connection.close)

    @asynccontextmanager
    async def tx(self) -> AsyncGenerator[Transaction, None]:
        async with self._writing:
            if self._writer is None:
                raise InternalError("the database is not open", reason="SQL_FAILED")
            async with _transaction(self._writer, "BEGIN IMMEDIATE") as tx:
                yield tx
            changes = self._writer.total_changes
        if changes - self._changes_folded >= CHECKPOINT_ROWS:
            self._changes_folded = changes
            self._pool.submit(_fold, self._path)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Transaction, None]:
        reader = self._readers.pop() if self._readers else _reader(self._path)
        try:
            async with _transaction(reader, "BEGIN") as tx:
                yield tx
        finally:
            if len(self._readers) < IDLE_READERS:
                self._readers.append(reader)
            else:
                reader.close()


class SqliteTransaction:
    """`Transaction` on one connection."""

    def __init__(self, connection: sqlite3.Connection, statements: Statements) -> None:
        self._connection = connection
        self._statements = statements

    async def execute(self, sql: str, params: Sequence[Value] = ()) -> int:
        with self._statements.one():
            return max(self._connection.execute(sql, params).rowcount, 0)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        with self._statements.one():
            self._connection.executemany(sql, rows)

    async def fetch(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        with self._statements.one():
            return self._connection.execute(sql, params).fetchall()


@asynccontextmanager
async def _transaction(
    connection: sqlite3.Connection, begin: str
) -> AsyncGenerator[SqliteTransaction, None]:
    statements = Statements(_translate)
    with statements.one():
        connection.execute(begin)
    try:
        yield SqliteTransaction(connection, statements)
        with statements.one():
            connection.execute("COMMIT")
    finally:
        statements.end()
        with suppress(sqlite3.Error):  # the engine itself rolls back after some errors
            connection.rollback()


_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA busy_timeout = 0",  # never wait on the event loop: conflict instead
    "PRAGMA synchronous = NORMAL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA foreign_keys = ON",
)


def _create(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _connect(path, *_WRITER, timeout=OPEN_TIMEOUT_SECONDS)
    except (OSError, sqlite3.Error) as error:
        raise _translate(error) from error


def _reader(path: Path) -> sqlite3.Connection:
    try:
        return _connect(path, "PRAGMA query_only = ON", timeout=0)
    except sqlite3.Error as error:
        raise _translate(error) from error


def _connect(path: Path, *settings: str, timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    try:
        for setting in settings:
            connection.execute(setting)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _fold(path: Path) -> None:
    try:
        with closing(_connect(path, timeout=0)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except sqlite3.Error:
        logger.warning("cannot fold the log of %s into it; it grows", path, exc_info=True)


def _translate(error: Exception) -> AgolaError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without the details
    cause = str(error)
    if code in _BUSY:
        message = "another transaction came first"
        return ConcurrencyError(message, reason=CONFLICT)
    if code in _AWAY or isinstance(error, OSError):
        message = f"the read database is unavailable: {cause}"
        return UnavailableError(message, reason="SQL_UNAVAILABLE", cause=cause)
    return InternalError(f"the read database failed: {cause}", reason="SQL_FAILED", cause=cause)
