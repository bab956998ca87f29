"""Reading: the keys of today, of any day that is still known, and what happened between them."""

import sqlite3
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from itertools import groupby

from agola.storage.kv.embedded.file import translated
from agola.storage.kv.port import Change, Changes, Entry, LeaseID, Page, Revision
from agola.storage.kv.prefixes import end_of, first_from
from agola.storage.kv.revisions import compacted, regressed

WINDOW_REVISIONS = 64
"""How many revisions one reading of the history spans: less than a millisecond's worth, mostly."""

_GET = """
SELECT key, value, create_revision, revision, version, lease FROM version INDEXED BY version_today
WHERE until IS NULL AND key = ?"""

_TODAY = """
SELECT key, value, create_revision, revision, version, lease FROM version INDEXED BY version_today
WHERE until IS NULL AND key >= ? AND key < ? ORDER BY key LIMIT ?"""

_THEN = """
SELECT key, value, create_revision, revision, version, lease FROM version INDEXED BY version_of_key
WHERE key >= :first AND key < :end AND revision <= :revision
AND (until IS NULL OR until > :revision) ORDER BY key LIMIT :limit"""

_CHANGES = """
SELECT -1, NULL, NULL, revision, compacted, NULL FROM store
UNION ALL
SELECT revision, key, value, create_revision, version, lease
FROM version INDEXED BY version_begun
WHERE revision > :after AND revision <= :last AND key >= :first AND key < :end
UNION ALL
SELECT until, key, NULL, NULL, NULL, NULL FROM version AS old INDEXED BY version_ended
WHERE until > :after AND until <= :last AND key >= :first AND key < :end
AND NOT EXISTS (SELECT 1 FROM version AS new WHERE new.key = old.key AND new.revision = old.until)
ORDER BY 1, 2"""
"""First the state of the store, then what happened: one statement sees one state."""

_BEFORE = """
SELECT key, value, create_revision, revision, version, lease FROM version INDEXED BY version_ended
WHERE until = ? AND key = ?"""


class History:
    """What a connection can read.  Every method takes one look at one state of the store."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def get(self, key: str) -> Entry | None:
        with translated():
            return _first_entry(self._db.execute(_GET, (key.encode(),)))

    def range(self, prefix: str, after: str, limit: int, revision: Revision | None) -> Page:
        first, end = first_from(prefix, after), end_of(prefix)
        count = limit + 1 if limit else -1
        with self._snapshot() as (newest, oldest):
            if revision is None:
                rows = self._db.execute(_TODAY, (first, end, count)).fetchall()
            else:
                _check(revision, newest, oldest)
                span = {"first": first, "end": end, "revision": revision, "limit": count}
                rows = self._db.execute(_THEN, span).fetchall()
        more = bool(limit) and len(rows) > limit
        entries = tuple(map(_entry, rows[:limit] if more else rows))
        return Page(entries, newest if revision is None else revision, more)

    def changes(
        self, prefix: str, after: Revision, *, previous: bool
    ) -> tuple[list[Changes], Revision, bool]:
        """Tell what happened behind *after*, for some revisions; up to which; whether more did."""
        last = Revision(after + WINDOW_REVISIONS)
        span = {"after": after, "last": last, "first": prefix.encode(), "end": end_of(prefix)}
        with self._snapshot() if previous else translated():
            (_, _, _, newest, oldest, _), *rows = self._db.execute(_CHANGES, span).fetchall()
            _check(after, newest, oldest)
            told = [
                Changes(revision, tuple(self._change(row, previous) for row in group))
                for revision, group in groupby(rows, key=lambda row: Revision(row[0]))
            ]
        return told, min(newest, last), newest > last

    def _change(self, row: tuple[int, bytes, bytes, int, int, int], previous: bool) -> Change:  # noqa: FBT001
        revision, key, value, create_revision, version, lease = row
        entry = None
        if value is not None:
            entry = _entry((key, value, create_revision, revision, version, lease))
        before = None
        if previous:
            before = _first_entry(self._db.execute(_BEFORE, (revision, key)))
        return Change(key.decode(), entry, before)

    @contextmanager
    def _snapshot(self) -> Generator[tuple[Revision, Revision], None, None]:
        """Read one state: its revision, and the oldest that it still knows."""
        with translated():
            self._db.execute("BEGIN")
            try:
                yield self._db.execute("SELECT revision, compacted FROM store").fetchone()
            finally:
                self._db.execute("COMMIT")


def _check(revision: Revision, newest: Revision, oldest: Revision) -> None:
    if revision > newest:
        raise regressed(revision, newest)
    if revision < oldest:
        raise compacted(revision, oldest)


def _first_entry(
    rows: Iterable[tuple[bytes, bytes, int, int, int, int | None]],
) -> Entry | None:
    for row in rows:
        return _entry(row)
    return None


def _entry(row: tuple[bytes, bytes, int, int, int, int | None]) -> Entry:
    key, value, create_revision, revision, version, lease = row
    return Entry(
        key=key.decode(),
        value=value,
        create_revision=Revision(create_revision),
        mod_revision=Revision(revision),
        version=version,
        lease=None if lease is None else LeaseID(lease),
    )
