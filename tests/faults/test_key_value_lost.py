"""The key-value store loses everything while services are up: they go on, in the same process."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest

from agola.cli.admin.maintenance import patiently
from agola.clients import configstore as configstore_clients
from agola.clients.configstore import UserClient
from agola.clients.runservice import MaintenanceClient, RunClient
from agola.config.model import Config, EtcdKeyValue, Internal
from agola.core.errors import InternalError, UnavailableError
from agola.rpc.channel import dial
from agola.services.configstore import service as configstore
from agola.services.runservice import service as runservice
from tests.testbed.etcd_process import EtcdServer, etcd_cluster
from tests.unit.services.runservice.conftest import a_run

T = TypeVar("T")
TOKEN = "the-internal-token"


@pytest.fixture
def etcd(tmp_path: Path) -> Generator[EtcdServer, None, None]:
    """An etcd of its own."""
    with etcd_cluster(tmp_path, 1) as (server,):
        yield server


@pytest.fixture
def config(tmp_path: Path, etcd: EtcdServer) -> Generator[Config, None, None]:
    with TemporaryDirectory(prefix="agola") as folder:
        address = f"unix:{folder}/it.sock"
        yield Config(
            data_dir=tmp_path / "data",
            internal_token=TOKEN,
            admin_token="first",
            key_value=EtcdKeyValue(endpoints=(etcd.endpoint,)),
            configstore=Internal(listen=address, target=address),
            runservice=Internal(listen=address, target=address),
        )


async def lose_everything(etcd: EtcdServer) -> None:
    """Start it again without its data."""
    await asyncio.to_thread(etcd.kill)
    shutil.rmtree(etcd.data_dir)
    etcd.start()
    await asyncio.to_thread(etcd.wait_until_ready)


async def at_last(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call until it is answered, through the moments in which the loss is noticed."""

    async def attempt() -> T:
        try:
            return await call()
        except InternalError as error:
            if error.reason != "KV_STATE_LOST":
                raise
            raise UnavailableError(error.message, reason=error.reason) from error

    async with asyncio.timeout(60):
        return await patiently(attempt)


def serving_users(config: Config) -> AbstractAsyncContextManager[None]:
    return configstore.serving(config, announce=print)


async def test_the_configstore_still_knows_everybody(config: Config, etcd: EtcdServer) -> None:
    async with serving_users(config), dial(config.configstore.target, token=TOKEN) as channel:
        users = UserClient(channel)
        alice = await users.create_user("alice")
        await lose_everything(etcd)
        bob = await at_last(lambda: users.create_user("bob"))
        assert await users.get_user("alice") == alice
        assert await users.get_user("bob") == bob
        async with asyncio.timeout(60):
            maintenance = configstore_clients.MaintenanceClient(channel)
            status = await patiently(maintenance.status, lambda status: status.settled)
        assert len(status.instances) == 1


async def test_the_runservice_still_takes_runs(config: Config, etcd: EtcdServer) -> None:
    async with (
        runservice.serving(config),
        dial(config.runservice.target, token=TOKEN) as channel,
    ):
        runs = RunClient(channel)
        before = (await runs.create_run(a_run("t"))).run
        await lose_everything(etcd)
        after = (await at_last(lambda: runs.create_run(a_run("t")))).run
        assert after.id > before.id
        assert (await runs.get_run(after.id)).run == after
        async with asyncio.timeout(60):
            await patiently(MaintenanceClient(channel).status, lambda status: status.settled)


async def test_a_flag_that_is_lost_asks_for_nothing_any_more(
    config: Config, etcd: EtcdServer
) -> None:
    async with (
        runservice.serving(config),
        dial(config.runservice.target, token=TOKEN) as channel,
    ):
        maintenance = MaintenanceClient(channel)
        await maintenance.enable()
        async with asyncio.timeout(60):
            await patiently(maintenance.status, lambda status: status.requested and status.settled)
            await lose_everything(etcd)
            await patiently(
                maintenance.status, lambda status: status.settled and not status.requested
            )
        await RunClient(channel).list_runs()
