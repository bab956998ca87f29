"""The file of the embedded store: what is in it, and who may open it."""

import fcntl
import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from agola.core.errors import InternalError, PreconditionError, UnavailableError

FORMAT = 1

SCHEMA = """
BEGIN;
CREATE TABLE store (revision INTEGER NOT NULL, compacted INTEGER NOT NULL);
INSERT INTO store VALUES (1, 0);
CREATE TABLE lease (id INTEGER PRIMARY KEY AUTOINCREMENT, ttl_seconds REAL NOT NULL);
-- Every value that a key ever had, with the span of revisions in which it was the value:
-- from `revision` until (excluding) `until`, which is NULL for those of today.
CREATE TABLE version (
    key BLOB NOT NULL,
    revision INTEGER NOT NULL,
    until INTEGER,
    value BLOB NOT NULL,
    create_revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    lease INTEGER
);
CREATE UNIQUE INDEX version_of_key ON version (key, revision);
CREATE UNIQUE INDEX version_today ON version (key) WHERE until IS NULL;
CREATE INDEX version_begun ON version (revision, key);
CREATE INDEX version_ended ON version (until, key) WHERE until IS NOT NULL;
CREATE INDEX version_leased ON version (lease) WHERE until IS NULL AND lease IS NOT NULL;
PRAGMA user_version = 1;
COMMIT;
"""


@contextmanager
def owned(path: Path) -> Generator[None, None, None]:
    """Own the file *path* while the block runs; PreconditionError `KV_IN_USE` if another does.

    The kernel drops the lock with the process, however that ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise PreconditionError(
            f"{path} is in use: another process has it open", reason="KV_IN_USE", path=str(path)
        ) from error
    finally:
        os.close(descriptor)


@contextmanager
def connected(path: Path) -> Generator[sqlite3.Connection, None, None]:
    """Connect to the file *path*, which is made where it is missing.  Any thread may use it."""
    with translated():
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with closing(db):
        with translated():
            _prepare(db, path)
        yield db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # a commit is durable, not only consistent
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found == 0:
        db.executescript(SCHEMA)
    elif found != FORMAT:
        raise PreconditionError(
            f"{path} has format {found}, this program knows {FORMAT}",
            reason="KV_FORMAT_UNKNOWN",
            path=str(path),
            format=str(found),
            known=str(FORMAT),
        )


@contextmanager
def translated() -> Generator[None, None, None]:
    """Let no SQLite error out of the driver."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            message = "the key-value store cannot be written: the disk is full"
            raise UnavailableError(message, reason="KV_UNAVAILABLE", cause=str(error)) from error
        raise InternalError(
            f"the key-value store failed: {error}", reason="KV_FAILED", cause=str(error)
        ) from error
