"""The SQL port: what both drivers of the read database promise, and the SQL that both speak.

Parameters are `?`.  Columns are TEXT (sorted by code point; a NUL may come back as U+FFFE), BIGINT,
DOUBLE PRECISION, BOOLEAN and BYTEA; moments are BIGINT microseconds, documents are TEXT.  Upserts
are `ON CONFLICT … DO UPDATE`, `RETURNING` works.  Identifiers are lower case and unquoted; SQL that
only one of the two engines understands has no place above this port.

A definition is a script of `CREATE TABLE IF NOT EXISTS` and `CREATE INDEX IF NOT EXISTS`.  Tables
are never altered: another definition is another database, filled from the beginning.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

Value: TypeAlias = str | int | float | bytes | None
"""What a parameter can be.  A bool is an int: SQLite gives 0 and 1 back."""

Row: TypeAlias = tuple[Any, ...]

CONFLICT = "SQL_CONFLICT"
"""The reason of the ConcurrencyError that `retry.transact` answers with another try."""

LOST = "SQL_LOST"
"""The reason of the UnavailableError of a database that is not there (any more) or is damaged: only
`Database.fresh` brings it back."""


class Transaction(Protocol):
    """Statements that happen as one.

    After a statement that failed every other one raises the same error, and so does the end of the
    block: what failed is never committed.  UnavailableError (`SQL_UNAVAILABLE`, `SQL_LOST`),
    ConcurrencyError (`SQL_CONFLICT`), InternalError (`SQL_FAILED`) for whatever should not happen.
    """

    async def execute(self, sql: str, params: Sequence[Value] = ()) -> int:
        """Run one statement.  Gives how many rows an INSERT, UPDATE or DELETE touched."""

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement for each of *rows*, faster than one by one."""

    async def load(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]
    ) -> None:
        """Insert *rows*, faster than any statement."""

    async def fetch(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Run one statement and give all its rows: say LIMIT where there may be many."""


class Database(Protocol):
    """The read database of one component.

    Transactions behave as if they ran one after the other; those that write wait for each other,
    whichever process they are in.  They do not nest, and what waits for something else than the
    database does not belong into one.
    """

    def tx(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that may write; commit it if the block ends well."""

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that sees one state of the database and cannot change it.

        Never waits for writers, never conflicts.
        """

    def fresh(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin the one transaction that may take long and wait for other things: to fill tables.

        Tables that are missing are made.  There may be rows in them, for example those that another
        process filled in a moment ago.  Readers see what was there before, or that the database is
        lost, until the block ends well; after that at once what is new.
        """
