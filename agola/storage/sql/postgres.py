"""The read database in a schema of PostgreSQL."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import LiteralString, TypeAlias

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from agola.core.errors import AgolaError, ConcurrencyError, InternalError, UnavailableError
from agola.storage.sql.attempts import Attempts, Connection
from agola.storage.sql.dialect import (
    fingerprint,
    for_psycopg,
    sorted_by_code_point,
    tables_and_indexes,
)
from agola.storage.sql.port import CONFLICT, LOST, Row, Transaction, Value
from agola.storage.sql.statement import Statements

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 5
OPEN_TIMEOUT_SECONDS = 30.0
WAIT_TIMEOUT_SECONDS = 3.0
RECONNECT_SECONDS = 5.0
"""How long one attempt to connect again may go on, its pauses growing; then the next one begins."""
ROWS_AT_ONCE = 200
"""How many rows are sent before somebody else has a turn: a millisecond or so."""
IDLE_SECONDS = 60
"""After so long the server ends a transaction of a process that says no more."""

SETTINGS: LiteralString = (
    "SET search_path TO {schema}; SET idle_in_transaction_session_timeout = {idle}"
)
WRITE: LiteralString = "BEGIN; SELECT pg_advisory_xact_lock({writers})"
"""Each statement of a writer sees all that was committed; who writes waits for others who do."""
READ: LiteralString = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_NETWORK = {
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""Notice within seconds that a server has vanished without a word; the DSN may say otherwise."""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = ?"
_LOST = errors.UndefinedTable | errors.InvalidSchemaName

Pool: TypeAlias = AsyncConnectionPool[Connection]


@asynccontextmanager
async def opening_postgres(
    dsn: str,
    component: str,
    definition: str,
    *,
    pool_size: int = 8,
    open_seconds: float = OPEN_TIMEOUT_SECONDS,
    wait_seconds: float = WAIT_TIMEOUT_SECONDS,
) -> AsyncGenerator["PostgresDatabase", None]:
    """Open the schema of *component* with the tables of *definition*.

    UnavailableError (`SQL_UNAVAILABLE`) if the server does not answer within *open_seconds*; a
    transaction waits up to *wait_seconds* for one of the connections.
    """
    schema = schema_of(component, definition)

    async def configure(connection: Connection) -> None:
        await connection.execute(_in(schema, SETTINGS))

    attempts = Attempts()
    pool: Pool = AsyncConnectionPool(
        dsn,
        connection_class=attempts.connections(),
        kwargs={"autocommit": True, **_NETWORK, **conninfo_to_dict(dsn)},
        min_size=1,
        max_size=pool_size,
        timeout=wait_seconds,
        reconnect_timeout=RECONNECT_SECONDS,
        configure=configure,
        name=schema,
        open=False,
    )
    try:
        await _open(pool, attempts, open_seconds)
        yield PostgresDatabase(pool, attempts, schema, definition)
    finally:
        await pool.close()


def schema_of(component: str, definition: str) -> str:
    """Name the schema: versions of the program with other tables do not get into its way."""
    return f"{component}_{fingerprint(definition).hex()[:8]}"


async def _open(pool: Pool, attempts: Attempts, seconds: float) -> None:
    try:
        await pool.open(wait=True, timeout=seconds)
    except PoolTimeout as error:
        raise _translate(attempts.cause(error)) from error


def _in(schema: str, statement: LiteralString) -> sql.Composed:
    writers = int.from_bytes(fingerprint(schema)[:8], signed=True)
    return sql.SQL(statement).format(
        schema=sql.Identifier(schema),
        writers=sql.Literal(writers),
        idle=sql.Literal(IDLE_SECONDS * 1000),
    )


class PostgresDatabase:
    """`Database` over a pool of connections."""

    def __init__(self, pool: Pool, attempts: Attempts, schema: str, definition: str) -> None:
        self._pool = pool
        self._attempts = attempts
        self._schema = schema
        self._definition = definition
        self._write = _in(schema, WRITE)
        self._read = _in(schema, READ)

    @asynccontextmanager
    async def tx(self) -> AsyncGenerator[Transaction, None]:
        async with self._transaction(self._write) as tx:
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Transaction, None]:
        async with self._transaction(self._read) as tx:
            yield tx

    @asynccontextmanager
    async def fresh(self) -> AsyncGenerator[Transaction, None]:
        tables, indexes = tables_and_indexes(self._definition)
        async with self._transaction(self._write) as tx:
            await tx.make(_in(self._schema, "CREATE SCHEMA IF NOT EXISTS {schema}"))
            for statement in tables:
                await tx.execute(sorted_by_code_point(statement))
            yield tx
            for statement in indexes:
                await tx.execute(statement)
            rows = await tx.fetch(_TABLES, (self._schema,))
            names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in rows)
            await tx.make(sql.SQL("ANALYZE {}").format(names))
        await self._tidy_up(names)

    async def _tidy_up(self, tables: sql.Composed) -> None:
        """Do at once what the server does sooner or later: until then it plans badly."""
        connection = await self._taken()
        try:
            await connection.execute(sql.SQL("VACUUM {}").format(tables))
        except psycopg.Error as error:
            logger.warning("the read database is not as fast as it could be: %s", error)
        finally:
            await self._pool.putconn(connection)

    @asynccontextmanager
    async def _transaction(
        self, begin: sql.Composed
    ) -> AsyncGenerator["PostgresTransaction", None]:
        connection = await self._begun(begin)
        statement = Statements(_translate)
        try:
            yield PostgresTransaction(connection, statement)
            with statement.one():
                await _commit(connection)
        finally:
            statement.end()
            with suppress(psycopg.Error):  # the pool drops a connection that is broken
                await connection.rollback()
            await self._pool.putconn(connection)

    async def _begun(self, begin: sql.Composed) -> Connection:
        """Take a connection and begin; past those that broke while they waited in the pool."""
        for attempt in range(self._pool.max_size + 1):
            connection = await self._taken()
            try:
                await connection.execute(begin, prepare=False)  # it may be two statements
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
        except PoolTimeout as error:
            raise _translate(self._attempts.cause(error)) from error
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
            await self._connection.cursor().executemany(for_psycopg(sql), map(_without_nul, rows))

    async def load(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]
    ) -> None:
        target = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with self._statements.one():
            async with self._connection.cursor().copy(target) as copy:
                for number, row in enumerate(rows, 1):
                    await copy.write_row(_without_nul(row))
                    if number % ROWS_AT_ONCE == 0:
                        await asyncio.sleep(0)

    async def fetch(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        with self._statements.one():
            return await (await self._execute(sql, params)).fetchall()

    async def make(self, statement: sql.Composed) -> None:
        """Run a statement that only this engine knows."""
        with self._statements.one():
            await self._connection.execute(statement)

    async def _execute(self, sql: str, params: Sequence[Value]) -> psycopg.AsyncCursor[Row]:
        return await self._connection.execute(for_psycopg(sql), _without_nul(params))


def _without_nul(values: Sequence[Value]) -> Sequence[Value]:
    """Put U+FFFE, which is no character, for NUL, which this engine's text cannot have."""
    if not any(isinstance(value, str) and "\0" in value for value in values):
        return values
    return [value.replace("\0", "\ufffe") if isinstance(value, str) else value for value in values]


async def _commit(connection: Connection) -> None:
    """Commit.  PostgreSQL answers the COMMIT of a broken transaction with a silent ROLLBACK."""
    cursor = await connection.execute("COMMIT")
    if cursor.statusmessage != "COMMIT":
        raise errors.InFailedSqlTransaction("a statement did not finish")


def _translate(error: Exception) -> AgolaError:
    cause = " ".join(str(error).split())
    if isinstance(error, _LOST):
        message = f"the read database is built anew: {cause}"
        return UnavailableError(message, reason=LOST, cause=cause)
    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected):
        return ConcurrencyError("another transaction came first", reason=CONFLICT)
    if isinstance(error, psycopg.OperationalError):
        message = f"the read database is unavailable: {cause}"
        return UnavailableError(message, reason="SQL_UNAVAILABLE", cause=cause)
    return InternalError(f"the read database failed: {cause}", reason="SQL_FAILED", cause=cause)
