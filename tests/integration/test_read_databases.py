"""Read databases of several instances, and what becomes of them when their engine is hurt."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psycopg
import pytest

from agola.clients.runservice import RunClient
from agola.config.model import (
    Config,
    EtcdKeyValue,
    Internal,
    PosixObjects,
    PostgresDatabase,
)
from agola.core.errors import UnavailableError
from agola.model.run_config import RunID
from agola.model.run_event import RunEnded
from agola.rpc.channel import dial
from agola.services.runservice import service as runservice
from agola.storage.sql.postgres import schema_of
from tests.testbed.etcd_process import EtcdServer
from tests.testbed.postgres_process import PostgresServer
from tests.testbed.read_database_process import (
    COMPONENT,
    TABLES,
    WRITERS,
    WRITES,
    opening,
    process,
    read,
)
from tests.unit.services.runservice.conftest import TOKEN, a_run

pytest_plugins = ["tests.testbed.etcd", "tests.testbed.postgres"]


@pytest.fixture
def shared(tmp_path: Path, etcd_server: EtcdServer, own_postgres: PostgresServer) -> Config:
    """Configure an instance; each with this configuration is one of the same installation."""
    return Config(
        data_dir=tmp_path,
        key_value=EtcdKeyValue(endpoints=(etcd_server.endpoint,), prefix=f"{uuid4()}/"),
        objects=PosixObjects(path=tmp_path / "objects"),
        database=PostgresDatabase(dsn=own_postgres.dsn),
    )


async def drop(server: PostgresServer) -> None:
    async with await psycopg.AsyncConnection.connect(server.dsn, autocommit=True) as connection:
        schema = schema_of(COMPONENT, TABLES.definition)
        await connection.execute(f'DROP SCHEMA "{schema}" CASCADE'.encode())


async def lines(child: asyncio.subprocess.Process, count: int) -> list[str]:
    assert child.stdout
    return [(await child.stdout.readline()).decode().strip() for _ in range(count)]


async def rest(child: asyncio.subprocess.Process) -> list[str]:
    assert child.stdout
    said = (await child.stdout.read()).decode().split()
    assert await child.wait() == 0
    return said


async def test_instances_that_share_tables_lose_and_double_nothing_even_when_these_are_dropped(
    shared: Config, own_postgres: PostgresServer
) -> None:
    async with (
        asyncio.timeout(100),
        opening(shared) as (data, copy),
        process(shared, "one") as one,
        process(shared, "other") as other,
    ):
        said = await lines(one, 10)
        await drop(own_postgres)
        said += await lines(other, 40)
        assert await read(copy, said[0]) == ["second"]
        await drop(own_postgres)
        for child in (one, other):
            said += await rest(child)
        assert len(set(said)) == len(said) == 2 * WRITERS * WRITES
        await copy.reached((await data.groups(())).position)
        async with copy.read() as tx:
            rows = await tx.fetch("SELECT id, data FROM thing ORDER BY id")
    assert rows == [(thing, "second") for thing in sorted(said)]


async def test_an_instance_that_starts_finds_the_tables_that_others_keep(shared: Config) -> None:
    async with opening(shared) as (data, copy), process(shared, "one") as one:
        await rest(one)
        await copy.reached((await data.groups(())).position)
        async with opening(shared) as (_, other), other.read() as tx:
            assert await tx.fetch("SELECT COUNT(*) FROM thing") == [(WRITERS * WRITES,)]


@asynccontextmanager
async def serving(config: Config) -> AsyncGenerator[RunClient, None]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="agola"))
        address = f"unix:{folder}/runservice.sock"
        config = Config(
            data_dir=config.data_dir,
            internal_token=TOKEN,
            database=config.database,
            runservice=Internal(listen=address, target=address),
        )
        await stack.enter_async_context(runservice.serving(config))
        yield RunClient(await stack.enter_async_context(dial(address, token=TOKEN)))


async def an_ended_run(client: RunClient) -> RunID:
    run_id = (await client.create_run(a_run())).run.id
    await client.cancel_run(run_id)
    async with aclosing(client.watch_run(run_id)) as progress:
        async for one in progress:
            if isinstance(one, RunEnded):
                break
    return run_id


async def listed(client: RunClient) -> list[RunID]:
    """Ask until there is an answer."""
    while True:
        try:
            return [run.id for run in (await client.list_runs()).runs]
        except UnavailableError as error:
            await asyncio.sleep(error.retry_after.total_seconds() / 10)


async def test_a_database_that_is_away_is_unavailable_and_catches_up_when_it_is_back(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    config = Config(data_dir=tmp_path, database=PostgresDatabase(dsn=own_postgres.dsn))
    async with asyncio.timeout(100), serving(config) as client:
        before = await an_ended_run(client)
        assert await listed(client) == [before]
        await asyncio.to_thread(own_postgres.stop)
        with pytest.raises(UnavailableError) as caught:
            await client.list_runs()
        assert caught.value.reason in {"SQL_UNAVAILABLE", "READ_DATABASE_BEHIND"}
        assert timedelta() < caught.value.retry_after <= timedelta(seconds=10)
        assert (await client.get_run(before)).run.id == before
        meanwhile = await an_ended_run(client)
        await asyncio.to_thread(own_postgres.start)
        assert await listed(client) == [meanwhile, before]


async def test_a_schema_that_is_dropped_while_it_is_asked_is_filled_again(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    config = Config(data_dir=tmp_path, database=PostgresDatabase(dsn=own_postgres.dsn))
    async with asyncio.timeout(60), serving(config) as client:
        ended = [await an_ended_run(client)]
        async with await psycopg.AsyncConnection.connect(own_postgres.dsn) as connection:
            names = await connection.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'runservice%'"
            )
            [(schema,)] = await names.fetchall()
            await connection.execute(f'DROP SCHEMA "{schema}" CASCADE'.encode())
        assert await listed(client) == ended
        ended.insert(0, await an_ended_run(client))
        assert await listed(client) == ended
