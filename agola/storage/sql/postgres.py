"""The read database in a schema of PostgreSQL."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import LiteralString, TypeAlias

import psycopg
from psycopg import errors, sql
from psycopg_pool import AsyncConnectionPool

from agola.core.errors import AgolaError, ConcurrencyError, InternalError, UnavailableError
from agola.storage.sql.dialect import for_psycopg
from agola.storage.sql.migrations import migrate
from agola.storage.sql.port import CONFLICT, Row, Transaction, Value
from agola.storage.sql.statement import Statements

CONNECT_TIMEOUT_SECONDS = 5
OPEN_TIMEOUT_SECONDS = 30.0
WAIT_TIMEOUT_SECONDS = 10.0
MIGRATION_LOCK = 0x61676F6C61
"""The advisory lock that those who start at once take in turn: "agola" in ASCII."""

WRITE: LiteralString = "BEGIN ISOLATION LEVEL SERIALIZABLE"
READ: LiteralString = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

Connection: TypeAlias = psycopg.AsyncConnection[Row]
Pool: TypeAlias = AsyncConnectionPool[Connection]


@asynccontextmanager
async def opening_postgres(
    dsn: str,
    schema: str,
    migrations: Sequence[str],
    *,
    pool_size: int = 8,
    open_seconds: float = OPEN_TIMEOUT_SECONDS,
    wait_seconds: float = WAIT_TIMEOUT_SECONDS,
) -> AsyncGenerator["PostgresDatabase", None]:
    """Open *schema*, created if absent, with its tables up to date.

    UnavailableError (`SQL_UNAVAILABLE`) if the server does not answer within *open_seconds*; a
    transaction waits up to *wait_seconds* for one of the connections.
    """

    async def configure(connection: Connection) -> None:
        await connection.execute(_in_schema("SET search_path TO {}", schema))

    pool: Pool = AsyncConnectionPool(
        dsn,
        kwargs={"autocommit": True, "connect_timeout": CONNECT_TIMEOUT_SECONDS},
        min_size=1,
        max_size=pool_size,
        timeout=wait_seconds,
        configure=configure,
        name=schema,
        open=False,
    )
    try:
        await _open(pool, open_seconds)
        database = PostgresDatabase(pool)
        await _prepare(database, dsn, schema, migrations)
        yield database
    finally:
        await pool.close()


async def _open(pool: Pool, seconds: float) -> None:
    try:
        await pool.open(wait=True, timeout=seconds)
    except psycopg.Error as error:
        raise _translate(error) from error


async def _prepare(
    database: "PostgresDatabase", dsn: str, schema: str, migrations: Sequence[str]
) -> None:
    try:
        async with await psycopg.AsyncConnection.connect(
            dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS
        ) as guard:
            await guard.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
            await guard.execute(_in_schema("CREATE SCHEMA IF NOT EXISTS {}", schema))
            await migrate(database, migrations, collate=True)
    except psycopg.Error as error:
        raise _translate(error) from error


def _in_schema(statement: LiteralString, schema: str) -> sql.Composed:
    return sql.SQL(statement).format(sql.Identifier(schema))


class PostgresDatabase:
    """`Database` over a pool of connections."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def tx(self) -> AsyncGenerator[Transaction, None]:
        async with self._transaction(WRITE) as tx:
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Transaction, None]:
        async with self._transaction(READ) as tx:
            yield tx

    @asynccontextmanager
    async def _transaction(
        self, begin: LiteralString
    ) -> AsyncGenerator["PostgresTransaction", None]:
        connection = await self._begun(begin)
        statements = Statements(_translate)
        try:
            yield PostgresTransaction(connection, statements)
            with statements.one():
                await _commit(connection)
        finally:
            statements.end()
            with suppress(psycopg.Error):  # the pool drops a connection that is broken
                await connection.rollback()
            await self._pool.putconn(connection)

    async def _begun(self, begin: LiteralString) -> Connection:
        """Take a connection and begin; past those that broke while they waited in the pool."""
        for attempt in range(self._pool.max_size + 1):
            connection = await self._taken()
            try:
                await connection.execute(begin)
            except psycopg.OperationalError as error:
                await self._pool.putconn(connection)
                if not connection.broken or attempt == self._pool.max_size:
                    raise _translate(error) from error
            except BaseException:
                await self._pool.putconn(connection)
                raise
            else:
                return connection
        raise AssertionError

    async def _taken(self) -> Connection:
        try:
            return await self._pool.getconn()
        except psycopg.Error as error:
            raise _translate(error) from error


class PostgresTransaction:
    """`Transaction` on one connection."""

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._connection = connection
        self._statements = statements

    async def execute(self, sql: str, params: Sequence[Value] = ()) -> int:
        with self._statements.one():
            return max((await self._execute(sql, params)).rowcount, 0)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        with self._statements.one():
            await self._connection.cursor().executemany(for_psycopg(sql), rows)

    async def fetch(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        with self._statements.one():
            return await (await self._execute(sql, params)).fetchall()

    async def _execute(self, sql: str, params: Sequence[Value]) -> psycopg.AsyncCursor[Row]:
        return await self._connection.execute(for_psycopg(sql), params)


async def _commit(connection: Connection) -> None:
    """Commit.  PostgreSQL answers the COMMIT of a broken transaction with a silent ROLLBACK."""
    cursor = await connection.execute("COMMIT")
    if cursor.statusmessage != "COMMIT":
        raise errors.InFailedSqlTransaction("a statement did not finish")


def _translate(error: Exception) -> AgolaError:
    cause = " ".join(str(error).split())
    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected):
        return ConcurrencyError("another transaction came first", reason=CONFLICT)
    if isinstance(error, psycopg.OperationalError):
        message = f"the read database is unavailable: {cause}"
        return UnavailableError(message, reason="SQL_UNAVAILABLE", cause=cause)
    return InternalError(f"the read database failed: {cause}", reason="SQL_FAILED", cause=cause)
