"""Records that come in any order, in the order that the datamanager takes them."""

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager

from agola.datamanager.port import StoredObject
from agola.maintenance.codec import export_invalid


class Sorting:
    """Sorts records on disk: a database of SQLite's that has no name and goes by itself."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def add(self, stored: StoredObject) -> None:
        """Take a record.  BadRequestError: EXPORT_INVALID if there is one of its type and id."""
        row = (stored.data_type, stored.id, stored.data)
        try:
            self._database.execute("INSERT INTO record VALUES (?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            message = f"the record {stored.data_type} {stored.id!r} comes twice"
            raise export_invalid(message, type=stored.data_type, id=stored.id) from error

    def sorted(self) -> Iterator[StoredObject]:
        """Give all records by type and id."""
        rows = self._database.execute("SELECT type, id, data FROM record ORDER BY type, id")
        return (StoredObject(*row) for row in rows)


@contextmanager
def sorting() -> Generator[Sorting, None, None]:
    """Sort records in the block."""
    with closing(sqlite3.connect("", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute(
            "CREATE TABLE record (type TEXT, id TEXT, data BLOB, PRIMARY KEY (type, id))"
            " WITHOUT ROWID"
        )
        database.execute("BEGIN")
        yield Sorting(database)
