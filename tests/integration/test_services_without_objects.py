"""Whole services while their object storage is away, and afterwards: nobody restarts them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status

from agola.clients.configstore import UserClient
from agola.clients.runservice import RunClient
from agola.config.model import Config, Internal, ObjectsDriver, PosixObjects
from agola.core.errors import AgolaError, AlreadyExistsError, InternalError, UnavailableError
from agola.model.run import Phase, Result
from agola.model.run_config import RunID
from agola.model.run_event import RunEnded
from agola.rpc.channel import dial
from agola.services.configstore import service as configstore
from agola.services.runservice import service as runservice
from tests.fakes.task_executor import fake_executor
from tests.testbed.outage import FullDisk, Outage
from tests.unit.services.runservice.conftest import TOKEN, a_run

pytest_plugins = ["tests.testbed.outages", "tests.testbed.s3", "tests.testbed.small_disk"]

REASONS = {"OBJECT_STORAGE_UNAVAILABLE", "OBJECT_STORAGE_FAILED"}


def configuration(data_dir: Path, runtime: str, objects: ObjectsDriver) -> Config:
    address = f"unix:{runtime}/service.sock"
    where = Internal(listen=address, target=address)
    return Config(
        data_dir=data_dir,
        runtime_dir=Path(runtime),
        internal_token=TOKEN,
        objects=objects,
        configstore=where,
        runservice=where,
    )


@asynccontextmanager
async def users_at(data_dir: Path, objects: ObjectsDriver) -> AsyncGenerator[UserClient, None]:
    with TemporaryDirectory(prefix="agola") as runtime:
        config = configuration(data_dir, runtime, objects)
        async with (
            configstore.serving(config, announce=lambda _: None),
            dial(config.configstore.target, token=TOKEN) as channel,
        ):
            yield UserClient(channel)


@asynccontextmanager
async def runs_at(
    data_dir: Path, objects: ObjectsDriver
) -> AsyncGenerator[tuple[RunClient, grpc.aio.Channel], None]:
    with TemporaryDirectory(prefix="agola") as runtime:
        config = configuration(data_dir, runtime, objects)
        async with (
            runservice.serving(config),
            dial(config.runservice.target, token=TOKEN) as channel,
        ):
            yield RunClient(channel), channel


def check_refusal(error: AgolaError) -> None:
    """It says what is wrong, and when to try again if that may help."""
    assert isinstance(error, UnavailableError | InternalError)
    assert error.reason in REASONS
    assert "object storage" in error.message
    call = error.__cause__
    assert isinstance(call, grpc.aio.AioRpcError)
    status = rpc_status.from_call(call)  # type: ignore[arg-type]  # stubs miss aio
    assert status is not None
    retry = any(detail.Is(RetryInfo.DESCRIPTOR) for detail in status.details)
    assert retry is isinstance(error, UnavailableError)


async def names(users: UserClient) -> set[str]:
    return {user.name for user in (await users.list_users()).items}


async def test_a_configstore_refuses_users_in_an_outage_and_takes_them_again_after_it(
    outage: Outage, tmp_path: Path
) -> None:
    async with users_at(tmp_path / "data", outage.objects) as users:
        await users.create_user("before")
        await outage.begin()
        with pytest.raises(AgolaError) as caught:
            await users.create_user("in")
        check_refusal(caught.value)
        assert (await users.get_user("before")).name == "before"
        await outage.end()
        await users.create_user("after")
        with pytest.raises(AlreadyExistsError):
            await users.create_user("before")
        there = await names(users)
        assert {"before", "after"} <= there
    async with users_at(tmp_path / "data", outage.objects) as users:
        assert await names(users) == there


async def test_a_runservice_refuses_runs_in_an_outage_and_takes_them_again_after_it(
    outage: Outage, tmp_path: Path
) -> None:
    async with runs_at(tmp_path / "data", outage.objects) as (runs, _):
        before = await runs.create_run(a_run("a"))
        await outage.begin()
        with pytest.raises(AgolaError) as caught:
            await runs.create_run(a_run("a"))
        check_refusal(caught.value)
        assert (await runs.get_run(before.run.id)).run.phase is Phase.QUEUED
        await outage.end()
        after = await runs.create_run(a_run("a"))
        acknowledged = {before.run.id, after.run.id}
        assert acknowledged == {run.id for run in (await runs.list_runs()).runs}
    async with runs_at(tmp_path / "data", outage.objects) as (runs, _):
        assert acknowledged == {run.id for run in (await runs.list_runs()).runs}


async def test_a_run_that_ends_in_an_outage_is_kept(outage: Outage, tmp_path: Path) -> None:
    async with runs_at(tmp_path / "data", outage.objects) as (runs, channel):
        created = await runs.create_run(a_run("a", "b<a"))
        async with fake_executor(channel, works=True):
            await outage.begin()
            await runs.start_run(created.run.id)
            await ended(runs, created.run.id)
            await outage.end()
            assert (await runs.get_run(created.run.id)).run.result is Result.SUCCESS
            await runs.create_run(a_run("a"))
    async with runs_at(tmp_path / "data", outage.objects) as (runs, _):
        assert (await runs.get_run(created.run.id)).run.result is Result.SUCCESS


@pytest.mark.parametrize("small_disk", ["32m"], indirect=True)
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_services_whose_whole_disk_was_full_go_on_when_there_is_room(
    small_disk: Path, tmp_path: Path, *, elsewhere: bool
) -> None:
    full = FullDisk(small_disk)
    objects = PosixObjects(path=tmp_path / "objects" if elsewhere else None)
    async with (
        users_at(small_disk / "one", objects) as users,
        runs_at(small_disk / "other", objects) as (runs, _),
    ):
        await users.create_user("before")
        before = await runs.create_run(a_run("a"))
        await full.begin()
        for asking in (users.create_user("in"), runs.create_run(a_run("a"))):
            with pytest.raises(AgolaError) as caught:
                await asking
            assert isinstance(caught.value, UnavailableError | InternalError)
            assert "full" in caught.value.message or "space" in caught.value.message
        assert (await users.get_user("before")).name == "before"
        await full.end()
        await users.create_user("after")
        after = await runs.create_run(a_run("a"))
        there = {before.run.id, after.run.id}
        assert there == {run.id for run in (await runs.list_runs()).runs}
    async with users_at(small_disk / "one", objects) as users:
        assert {"before", "after"} <= await names(users)
    async with runs_at(small_disk / "other", objects) as (runs, _):
        assert there == {run.id for run in (await runs.list_runs()).runs}


async def ended(runs: RunClient, run_id: RunID) -> None:
    async with asyncio.timeout(60), aclosing(runs.watch_run(run_id)) as progress:
        async for one in progress:
            if isinstance(one, RunEnded):
                return
