"""agola.services.runservice as two instances: etcd, PostgreSQL and objects shared."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import grpc
import psycopg
import pytest

from agola.clients.runservice import RunClient
from agola.config.model import (
    Config,
    DatabaseDriver,
    EtcdKeyValue,
    Internal,
    PosixObjects,
    PostgresDatabase,
    SqliteDatabase,
)
from agola.model.run import Phase, Result, Run
from agola.model.run_config import RunID
from agola.model.run_event import RunEnded
from agola.model.run_query import RunFilter
from agola.rpc.channel import dial
from agola.services.runservice import service as runservice
from agola.services.scheduler import service as scheduler
from tests.fakes.task_executor import fake_executor
from tests.testbed.encryption import shared_keys
from tests.testbed.etcd_process import EtcdServer
from tests.unit.services.runservice.conftest import TOKEN, a_run

pytest_plugins = ["tests.testbed.etcd", "tests.testbed.postgres"]


@dataclass
class Two:
    """Channels to two runservices of one installation; each has a scheduler."""

    one: grpc.aio.Channel
    other: grpc.aio.Channel


@pytest.fixture(params=["postgres", "sqlite"])
async def database(request: pytest.FixtureRequest) -> DatabaseDriver:
    """A read database that both share, or one for each."""
    if request.param == "sqlite":
        return SqliteDatabase()
    server: str = request.getfixturevalue("postgres_server")
    name = f"agola-{uuid4()}"
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return PostgresDatabase(dsn=server.replace("dbname=postgres", f"dbname={name}"))


@pytest.fixture
async def two(
    tmp_path: Path, etcd_server: EtcdServer, database: DatabaseDriver
) -> AsyncGenerator[Two, None]:
    prefix = f"{uuid4()}/"
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="agola"))
        channels = []
        for name in ("one", "other"):
            address = f"unix:{folder}/{name}.sock"
            config = Config(
                data_dir=tmp_path / name,
                internal_token=TOKEN,
                key_value=EtcdKeyValue(endpoints=(etcd_server.endpoint,), prefix=prefix),
                objects=PosixObjects(path=tmp_path / "objects"),
                database=database,
                encryption=shared_keys(tmp_path),
                runservice=Internal(listen=address, target=address),
            )
            await stack.enter_async_context(runservice.serving(config))
            await stack.enter_async_context(scheduler.serving(config))
            channels.append(await stack.enter_async_context(dial(address, token=TOKEN)))
        yield Two(*channels)


async def ended(channel: grpc.aio.Channel, run_id: RunID) -> Run:
    runs = RunClient(channel)
    async with asyncio.timeout(60), aclosing(runs.watch_run(run_id)) as progress:
        async for one in progress:
            if isinstance(one, RunEnded):
                break
    return (await runs.get_run(run_id)).run


async def listed(client: RunClient) -> list[RunID]:
    page = await client.list_runs(RunFilter(group="/project/p"), ascending=True)
    return [run.id for run in page.runs]


async def test_two_runservices_share_the_work_and_repeat_none_of_it(two: Two) -> None:
    async with (
        fake_executor(two.one, name="one", slots=2, works=True) as one,
        fake_executor(two.other, name="other", slots=2, works=True) as other,
    ):
        clients = [RunClient(two.one), RunClient(two.other)]
        configs = [a_run("a", "b<a", group=f"/project/p/branch/{n % 4}") for n in range(12)]
        created = await asyncio.gather(
            *(clients[n % 2].create_run(config) for n, config in enumerate(configs))
        )
        assert sorted(state.run.counter for state in created) == list(range(1, 13))
        runs = await asyncio.gather(*(ended(two.other, state.run.id) for state in created))
        assert {(run.phase, run.result) for run in runs} == {(Phase.FINISHED, Result.SUCCESS)}
        begun = one.begun + other.begun
        assert len(begun) == len(set(begun)) == 24
        for client in clients:  # whichever instance archived them
            assert await listed(client) == sorted(state.run.id for state in created)
