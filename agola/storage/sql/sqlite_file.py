"""One SQLite file, and the connections to it."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from agola.core.errors import AgolaError, ConcurrencyError, InternalError, UnavailableError
from agola.storage.sql.dialect import fingerprint, tables_and_indexes
from agola.storage.sql.port import CONFLICT, LOST

logger = logging.getLogger(__name__)

IDLE_READERS = 8
OPEN_TIMEOUT_SECONDS = 10.0
BUILDING_CACHE_KIB = 65536
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_AWAY = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA busy_timeout = 0",  # never wait on the event loop: conflict instead
    "PRAGMA synchronous = NORMAL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA foreign_keys = ON",
)
_BUILDER = (
    "PRAGMA journal_mode = OFF",  # who is interrupted begins anew
    "PRAGMA synchronous = OFF",
    f"PRAGMA cache_size = -{BUILDING_CACHE_KIB}",
)


class SqliteFile:
    """The connections to a complete database: one that writes, and as many as read at once."""

    def __init__(self, path: Path, definition: str) -> None:
        """Raise UnavailableError (`SQL_LOST`) unless it is there and has these tables."""
        self.path = path
        self.writer = _connect(path, *_WRITER, timeout=OPEN_TIMEOUT_SECONDS)
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        try:
            self._identity = _identity(path)
            [(version,)] = self.writer.execute("PRAGMA user_version")
        except (OSError, sqlite3.Error) as error:
            self.writer.close()
            raise translate(error) from error
        if version != _version(definition):
            self.writer.close()
            raise lost("it has other tables")

    def in_place(self) -> bool:
        """Say whether this is still the file that its path names."""
        try:
            return _identity(self.path) == self._identity
        except OSError:
            return False

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that cannot write."""
        reader = self._readers.pop() if self._readers else _reader(self.path)
        try:
            yield reader
        finally:
            if self._closed or len(self._readers) >= IDLE_READERS:
                reader.close()
            else:
                self._readers.append(reader)

    def close(self) -> None:
        """Close what nobody uses.  The last one to close folds the log into the file."""
        self._closed = True
        for connection in (*self._readers, self.writer):
            connection.close()


def building(path: Path, definition: str) -> sqlite3.Connection:
    """Make a file with empty tables at *path*, and begin to fill it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove(path)
    connection = _connect(path, *_BUILDER, timeout=0, mode="rwc")
    connection.execute("BEGIN")
    for statement in tables_and_indexes(definition)[0]:
        connection.execute(statement)
    return connection


def complete(connection: sqlite3.Connection, path: Path, definition: str) -> None:
    """End the filling of the file at *path*; it is all on the disk."""
    for statement in tables_and_indexes(definition)[1]:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_version(definition)}")
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Remove a database: itself before its log, of which a part may be in it already."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def fold(path: Path) -> None:
    """Fold the log of changes into the file, as far as readers let it."""
    try:
        with closing(_connect(path, timeout=0)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except AgolaError:
        logger.warning("cannot fold the log of %s into it; it grows", path, exc_info=True)


def lost(cause: str) -> UnavailableError:
    message = f"the read database is built anew: {cause}"
    return UnavailableError(message, reason=LOST, cause=cause)


def translate(error: Exception) -> AgolaError:
    """Say what an error of the engine means."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without the details
    cause = str(error)
    if isinstance(error, AgolaError):
        return error
    if code in _BUSY:
        message = "another transaction came first"
        return ConcurrencyError(message, reason=CONFLICT)
    if code in _DAMAGED:
        return lost(cause)
    if code in _AWAY or isinstance(error, OSError):
        message = f"the read database is unavailable: {cause}"
        return UnavailableError(message, reason="SQL_UNAVAILABLE", cause=cause)
    return InternalError(f"the read database failed: {cause}", reason="SQL_FAILED", cause=cause)


def _reader(path: Path) -> sqlite3.Connection:
    return _connect(path, "PRAGMA query_only = ON", timeout=0)


def _connect(path: Path, *settings: str, timeout: float, mode: str = "rw") -> sqlite3.Connection:
    """Connect to a file that is there: none comes to be by the way, unless *mode* is `rwc`."""
    try:
        if mode == "rw" and not path.exists():
            raise lost("it is not there")
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=timeout,
            isolation_level=None,
            check_same_thread=False,
        )
    except (OSError, sqlite3.Error) as error:
        raise translate(error) from error
    try:
        for setting in settings:
            connection.execute(setting)
    except sqlite3.Error as error:
        with suppress(sqlite3.Error):
            connection.close()
        raise translate(error) from error
    return connection


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _version(definition: str) -> int:
    """Give a number that SQLite keeps in the file's header: 31 bits, not 0."""
    return int.from_bytes(fingerprint(definition)[:4]) >> 1 | 1
