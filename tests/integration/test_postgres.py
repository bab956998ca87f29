"""agola.storage.sql.postgres: what only a server can do."""

import asyncio
import os
import uuid
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from agola.config.model import Config, PostgresDatabase
from agola.core.errors import ConcurrencyError, InternalError, UnavailableError
from agola.storage.sql import opening
from agola.storage.sql.port import Database
from agola.storage.sql.postgres import opening_postgres

pytest_plugins = ["tests.testbed.postgres"]

TABLES = ["CREATE TABLE run (id TEXT PRIMARY KEY, number BIGINT NOT NULL DEFAULT 0)"]


@pytest.fixture
def schema() -> str:
    return f"schema-{uuid.uuid4()}"


async def break_connections(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )


async def test_each_component_has_a_schema_of_its_own(postgres_server: str, tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, database=PostgresDatabase(dsn=postgres_server))
    async with (
        opening(config, "configstore", TABLES) as configstore,
        opening(config, "runservice", TABLES) as runservice,
    ):
        async with configstore.tx() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")
        async with runservice.read() as tx:
            assert await tx.fetch("SELECT * FROM run") == []
    assert os.listdir(tmp_path) == []  # noqa: PTH208 (no blocking pathlib in async code)


async def test_connections_that_broke_while_idle_are_not_noticed(
    postgres_server: str, schema: str
) -> None:
    async with opening_postgres(postgres_server, schema, TABLES) as database:
        async with database.read(), database.read(), database.read():
            pass
        await break_connections(postgres_server)
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")


async def test_a_connection_that_breaks_in_use_is_unavailable(
    postgres_server: str, schema: str
) -> None:
    async def work(database: Database) -> None:
        async with database.tx() as tx:
            await break_connections(postgres_server)
            await tx.execute("INSERT INTO run (id) VALUES ('a')")

    async with opening_postgres(postgres_server, schema, TABLES) as database:
        with pytest.raises(UnavailableError) as caught:
            await work(database)
        assert caught.value.reason == "SQL_UNAVAILABLE"
        async with database.read() as tx:
            assert await tx.fetch("SELECT * FROM run") == []


async def test_a_serialization_failure_is_a_conflict(postgres_server: str, schema: str) -> None:
    async def work(database: Database) -> None:
        async with database.tx() as first, database.tx() as second:
            for tx in (first, second):
                await tx.fetch("SELECT number FROM run")
            await second.execute("UPDATE run SET number = 1")
            await first.execute("INSERT INTO run (id) VALUES ('b')")

    async with opening_postgres(postgres_server, schema, TABLES) as database:
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")
        with pytest.raises(ConcurrencyError) as caught:
            await work(database)
        assert caught.value.reason == "SQL_CONFLICT"


async def test_a_statement_cut_short_is_not_committed(postgres_server: str, schema: str) -> None:
    async def work(database: Database) -> None:
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await tx.fetch("SELECT 1 FROM pg_sleep(60)")

    async with opening_postgres(postgres_server, schema, TABLES) as database:
        with pytest.raises(InternalError, match="did not finish"):
            await work(database)
        async with database.read() as tx:
            assert await tx.fetch("SELECT * FROM run") == []


async def test_who_waits_too_long_for_a_connection_gives_up(
    postgres_server: str, schema: str
) -> None:
    async with (
        opening_postgres(
            postgres_server, schema, TABLES, pool_size=1, wait_seconds=0.05
        ) as database,
        database.read(),
    ):
        with pytest.raises(UnavailableError) as caught:
            async with database.read():
                pass
    assert caught.value.reason == "SQL_UNAVAILABLE"


async def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        async with opening_postgres(f"host={tmp_path}", "agola", TABLES, open_seconds=0.05):
            pass
    assert caught.value.reason == "SQL_UNAVAILABLE"
