"""agola.storage.sql.postgres: what only a server can do."""

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from agola.config import model
from agola.config.model import Config
from agola.core.errors import InternalError, UnavailableError
from agola.storage.sql import opening
from agola.storage.sql.port import LOST, Database, Row
from agola.storage.sql.postgres import PostgresDatabase, opening_postgres, schema_of
from tests.testbed.postgres_process import PostgresServer

pytest_plugins = ["tests.testbed.postgres"]

TABLES = """
CREATE TABLE IF NOT EXISTS run (id TEXT PRIMARY KEY, number BIGINT NOT NULL DEFAULT 0)
"""


@pytest.fixture
def component() -> str:
    return f"component-{uuid.uuid4()}"


@asynccontextmanager
async def filled(dsn: str, component: str) -> AsyncGenerator[PostgresDatabase, None]:
    async with opening_postgres(dsn, component, TABLES) as database:
        async with database.fresh():
            pass
        yield database


async def break_connections(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )


async def test_each_component_has_a_schema_of_its_own(postgres_server: str, tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, database=model.PostgresDatabase(dsn=postgres_server))
    async with (
        opening(config, "configstore", TABLES) as configstore,
        opening(config, "runservice", TABLES) as runservice,
    ):
        async with configstore.fresh() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")
        async with runservice.fresh():
            pass
        async with runservice.read() as tx:
            assert await tx.fetch("SELECT * FROM run") == []
    assert os.listdir(tmp_path) == []  # noqa: PTH208 (no blocking pathlib in async code)


async def test_connections_that_broke_while_idle_are_not_noticed(
    postgres_server: str, component: str
) -> None:
    async with filled(postgres_server, component) as database:
        async with database.read(), database.read(), database.read():
            pass
        await break_connections(postgres_server)
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")


async def test_a_connection_that_breaks_in_use_is_unavailable(
    postgres_server: str, component: str
) -> None:
    async def work(database: Database) -> None:
        async with database.tx() as tx:
            await break_connections(postgres_server)
            await tx.execute("INSERT INTO run (id) VALUES ('a')")

    async with filled(postgres_server, component) as database:
        with pytest.raises(UnavailableError) as caught:
            await work(database)
        assert caught.value.reason == "SQL_UNAVAILABLE"
        async with database.read() as tx:
            assert await tx.fetch("SELECT * FROM run") == []


async def test_writers_of_two_processes_wait_for_each_other(
    postgres_server: str, component: str
) -> None:
    async def add(database: Database) -> None:
        async with database.tx() as tx:
            [(number,)] = await tx.fetch("SELECT number FROM run")
            await tx.execute("UPDATE run SET number = ?", (number + 1,))

    async with (
        filled(postgres_server, component) as one,
        opening_postgres(postgres_server, component, TABLES) as other,
    ):
        async with one.tx() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")
        await asyncio.gather(*[add(database) for database in (one, other) * 10])
        async with other.read() as tx:
            assert await tx.fetch("SELECT number FROM run") == [(20,)]


@pytest.mark.parametrize("what", ["SCHEMA", "TABLE"])
async def test_a_schema_that_is_dropped_is_lost_until_it_is_filled(
    postgres_server: str, component: str, what: str
) -> None:
    async with filled(postgres_server, component) as database:
        async with await psycopg.AsyncConnection.connect(postgres_server) as connection:
            schema = f'"{schema_of(component, TABLES)}"'
            name = schema if what == "SCHEMA" else f"{schema}.run"
            await connection.execute(f"DROP {what} {name} CASCADE".encode())
        for begin in (database.read, database.tx):
            with pytest.raises(UnavailableError) as caught:
                async with begin() as tx:
                    await tx.fetch("SELECT * FROM run")
            assert caught.value.reason == LOST
        async with database.fresh() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")
        async with database.read() as tx:
            assert await tx.fetch("SELECT id FROM run") == [("a",)]


async def test_a_statement_cut_short_is_not_committed(postgres_server: str, component: str) -> None:
    async def work(database: Database) -> None:
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await tx.fetch("SELECT 1 FROM pg_sleep(60)")

    async with filled(postgres_server, component) as database:
        with pytest.raises(InternalError, match="did not finish"):
            await work(database)
        async with database.read() as tx:
            assert await tx.fetch("SELECT * FROM run") == []


async def test_who_waits_too_long_for_a_connection_gives_up(
    postgres_server: str, component: str
) -> None:
    async with (
        opening_postgres(
            postgres_server, component, TABLES, pool_size=1, wait_seconds=0.05
        ) as database,
        database.read(),
    ):
        with pytest.raises(UnavailableError) as caught:
            async with database.read():
                pass
    assert caught.value.reason == "SQL_UNAVAILABLE"


async def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        async with opening_postgres(f"host={tmp_path}", "agola", TABLES, open_seconds=0.5):
            pass
    assert caught.value.reason == "SQL_UNAVAILABLE"
    assert f"{tmp_path}/.s.PGSQL.5432" in caught.value.message
    assert "No such file or directory" in caught.value.metadata["cause"]


async def one_when_it_is_back(database: Database) -> list[Row]:
    """Ask as callers do: again after each UnavailableError, for the pool connects when it likes."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with database.read() as tx:
                    return await tx.fetch("SELECT 1")
            except UnavailableError:
                continue


async def test_a_server_that_goes_away_is_the_cause_in_the_error_and_in_no_log_of_the_pool(
    own_postgres: PostgresServer, component: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opening_postgres(own_postgres.dsn, component, TABLES, wait_seconds=1) as database:
        await asyncio.to_thread(own_postgres.stop)
        with pytest.raises(UnavailableError) as caught:
            async with database.read():
                pass
        await asyncio.to_thread(own_postgres.start)
        assert await one_when_it_is_back(database) == [(1,)]
    assert "No such file or directory" in caught.value.message
    assert caplog.messages == []
