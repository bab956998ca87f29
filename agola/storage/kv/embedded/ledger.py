"""Writing: what one transaction does to the file."""

import sqlite3
from collections.abc import Sequence

from agola.core.errors import NotExistError
from agola.storage.kv.port import (
    Compare,
    Delete,
    LeaseID,
    Operation,
    Outcome,
    Put,
    Revision,
)
from agola.storage.kv.prefixes import end_of
from agola.storage.kv.revisions import regressed

KEPT_REVISIONS = 10_000
"""How much history is kept without being asked."""

SLACK_REVISIONS = 200
"""How much more may gather, so that forgetting costs next to nothing per transaction."""

_TODAY = """
SELECT revision, rowid, create_revision, version FROM version INDEXED BY version_today
WHERE until IS NULL AND key = ?"""

_INSERT = """
INSERT INTO version (key, revision, value, create_revision, version, lease)
VALUES (?, ?, ?, ?, ?, ?)"""


class Ledger:
    """Writes with a connection that has a transaction open; whose end is somebody else's."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.begin()

    def begin(self) -> None:
        """Forget what was not committed."""
        self.revision, self._compacted = self._db.execute(
            "SELECT revision, compacted FROM store"
        ).fetchone()
        self.touched: list[str] = []
        """The keys that were written since `begin`."""

    def finish(self) -> None:
        """Write down how far the store has come, and forget what is too old."""
        if self.touched:
            self._db.execute("UPDATE store SET revision = ?", (self.revision,))
        if self.revision - self._compacted > KEPT_REVISIONS + SLACK_REVISIONS:
            self.compact(Revision(self.revision - KEPT_REVISIONS))

    def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation],
    ) -> Outcome:
        succeeded = all(self._mod_revision(c.key) == c.mod_revision for c in compares)
        operations = success if succeeded else failure
        for operation in operations:
            if isinstance(operation, Put) and operation.lease is not None:
                self._check_lease(operation.lease)
        self._write(operations)
        return Outcome(succeeded, Revision(self.revision))

    def grant(self, ttl_seconds: float) -> LeaseID:
        row = self._db.execute("INSERT INTO lease (ttl_seconds) VALUES (?)", (ttl_seconds,))
        assert row.lastrowid is not None  # noqa: S101 - SQLite promises one
        return LeaseID(row.lastrowid)

    def revoke(self, lease: LeaseID) -> None:
        """End a lease, and its keys with it.  None of that is an error if it ended before."""
        self._db.execute("DELETE FROM lease WHERE id = ?", (lease,))
        keys = self._db.execute(
            "SELECT key FROM version INDEXED BY version_leased WHERE until IS NULL AND lease = ?",
            (lease,),
        ).fetchall()
        self._write([Delete(key.decode()) for (key,) in keys])

    def compact(self, revision: Revision) -> None:
        if revision > self.revision:
            raise regressed(revision, self.revision)
        if revision > self._compacted:
            self._db.execute("DELETE FROM version WHERE until <= ?", (revision,))
            self._db.execute("UPDATE store SET compacted = ?", (revision,))
            self._compacted = revision

    def _write(self, operations: Sequence[Operation]) -> None:
        revision, before = self.revision + 1, len(self.touched)
        for operation in operations:
            if isinstance(operation, Put):
                self._put(operation, revision)
            else:
                self._delete(operation, revision)
        if len(self.touched) > before:
            self.revision = revision

    def _put(self, put: Put, revision: int) -> None:
        key = put.key.encode()
        created, version = revision, 0
        if row := self._db.execute(_TODAY, (key,)).fetchone():
            _, rowid, created, version = row
            self._db.execute("UPDATE version SET until = ? WHERE rowid = ?", (revision, rowid))
        self._db.execute(_INSERT, (key, revision, put.value, created, version + 1, put.lease))
        self.touched.append(put.key)

    def _delete(self, delete: Delete, revision: int) -> None:
        first = delete.key.encode()
        end = end_of(delete.key) if delete.prefix else first + b"\0"
        gone = self._db.execute(
            "UPDATE version INDEXED BY version_today SET until = ?"
            " WHERE until IS NULL AND key >= ? AND key < ? RETURNING key",
            (revision, first, end),
        ).fetchall()
        self.touched.extend(key.decode() for (key,) in gone)

    def _mod_revision(self, key: str) -> int:
        row = self._db.execute(_TODAY, (key.encode(),)).fetchone()
        return row[0] if row else 0

    def _check_lease(self, lease: LeaseID) -> None:
        if self._db.execute("SELECT 1 FROM lease WHERE id = ?", (lease,)).fetchone() is None:
            raise NotExistError(
                f"lease {lease} doesn't exist", reason="LEASE_DOES_NOT_EXIST", lease=str(lease)
            )
