"""Maintenance mode of whole services: their ports, their processes, their stores."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from agola.cli.admin.maintenance import patiently
from agola.clients import configstore, runservice
from agola.clients.configstore import UserClient
from agola.clients.runservice import ExecutorTaskClient, RunClient, RunEventClient
from agola.config.model import Config, EmbeddedKeyValue, EtcdKeyValue, Internal, PosixObjects
from agola.core.errors import (
    NotExistError,
    UnauthorizedError,
    UnavailableError,
)
from agola.model.maintenance import MaintainedService, MaintenanceStatus
from agola.model.run_config import RunID
from agola.model.user import UserTokenID
from agola.rpc.channel import dial
from agola.services.configstore import service as configstore_service
from agola.services.runservice import service as runservice_service
from tests.testbed.encryption import shared_keys
from tests.testbed.etcd_process import EtcdServer
from tests.testbed.instance_process import instance_process
from tests.unit.services.runservice.conftest import a_run

pytest_plugins = ["tests.testbed.etcd"]

TOKEN = "the-internal-token"
FIRST = "the-token-of-the-first-user"
CONFIGSTORE, RUNSERVICE = MaintainedService.CONFIGSTORE, MaintainedService.RUNSERVICE


@dataclass
class Place:
    """Where the instances of one installation are."""

    folder: Path
    etcd: EtcdServer | None
    prefix: str

    def config(self, name: str = "one") -> Config:
        address = f"unix:{self.folder}/{name}.sock"
        etcd = self.etcd and EtcdKeyValue(endpoints=(self.etcd.endpoint,), prefix=self.prefix)
        return Config(
            data_dir=self.folder / name,
            internal_token=TOKEN,
            key_value=etcd or EmbeddedKeyValue(),
            admin_token=FIRST,
            encryption=shared_keys(self.folder),
            objects=PosixObjects(path=self.folder / "objects"),
            configstore=Internal(listen=address, target=address),
            runservice=Internal(listen=address, target=address),
        )


@pytest.fixture(params=["embedded", "etcd"])
def place(request: pytest.FixtureRequest) -> Any:
    etcd = request.getfixturevalue("etcd_server") if request.param == "etcd" else None
    with TemporaryDirectory(prefix="agola") as folder:
        yield Place(Path(folder), etcd, f"{uuid4()}/")


@pytest.fixture
def shared(etcd_server: EtcdServer) -> Any:
    """A place for several instances."""
    with TemporaryDirectory(prefix="agola") as folder:
        yield Place(Path(folder), etcd_server, f"{uuid4()}/")


@pytest.fixture(params=list(MaintainedService), ids=lambda service: service.value)
def service(request: pytest.FixtureRequest) -> MaintainedService:
    chosen: MaintainedService = request.param
    return chosen


def instance(config: Config, service: MaintainedService) -> AbstractAsyncContextManager[None]:
    if service is RUNSERVICE:
        return runservice_service.serving(config)
    return configstore_service.serving(config, announce=print)


@dataclass
class Instance:
    """Calls one instance of a service."""

    channel: grpc.aio.Channel
    service: MaintainedService

    async def status(self) -> MaintenanceStatus:
        return await self._client.status()

    async def enable(self) -> MaintenanceStatus:
        if self.service is RUNSERVICE:
            return await runservice.MaintenanceClient(self.channel).enable()
        users = UserClient(self.channel)
        keeper = (await users.authenticate_token(FIRST)).token
        return await self._keepers_client.enable(user_token_id=keeper.id)

    async def disable(self) -> MaintenanceStatus:
        return await self._client.disable()

    async def settled(self, *, maintenance: bool, instances: int = 1) -> MaintenanceStatus:
        """Wait until all of so many instances have followed."""
        async with asyncio.timeout(30):
            return await patiently(
                self.status,
                lambda status: (
                    status.settled
                    and status.requested is maintenance
                    and len(status.instances) == instances
                ),
            )

    async def use(self) -> None:
        """Make a call that the service answers while it serves."""
        if self.service is RUNSERVICE:
            await RunClient(self.channel).list_runs()
        else:
            await UserClient(self.channel).list_users()

    async def health(self, name: str = "") -> str:
        stub: Any = health_pb2_grpc.HealthStub(self.channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    @property
    def _client(self) -> configstore.MaintenanceClient | runservice.MaintenanceClient:
        if self.service is RUNSERVICE:
            return runservice.MaintenanceClient(self.channel)
        return self._keepers_client

    @property
    def _keepers_client(self) -> configstore.MaintenanceClient:
        return configstore.MaintenanceClient(self.channel)


@asynccontextmanager
async def calling(config: Config, service: MaintainedService) -> AsyncGenerator[Instance, None]:
    async with dial(config.runservice.target, token=TOKEN) as channel:
        yield Instance(channel, service)


@asynccontextmanager
async def one(place: Place, service: MaintainedService) -> AsyncGenerator[Instance, None]:
    """Serve one instance."""
    config = place.config()
    async with instance(config, service), calling(config, service) as called:
        yield called


async def test_a_service_is_set_aside_and_serves_again(
    place: Place, service: MaintainedService
) -> None:
    async with one(place, service) as called:
        package = f"agola.{service.value}.v1"
        ordinary = f"{package}.{'RunService' if service is RUNSERVICE else 'UserService'}"
        await called.use()
        assert (await called.settled(maintenance=False)).instances
        assert await called.health() == await called.health(ordinary) == "SERVING"

        assert (await called.enable()).requested
        (aside,) = (await called.settled(maintenance=True)).instances
        assert abs(aside.change_time - datetime.now(UTC)) < timedelta(minutes=1)
        with pytest.raises(UnavailableError) as caught:
            await called.use()
        assert (caught.value.reason, caught.value.metadata["service"]) == (
            "MAINTENANCE",
            service.value,
        )
        assert await called.health() == await called.health(ordinary) == "NOT_SERVING"
        assert await called.health(f"{package}.MaintenanceService") == "SERVING"

        await called.disable()
        await called.settled(maintenance=False)
        await called.use()
        assert await called.health() == await called.health(ordinary) == "SERVING"


async def test_asking_twice_is_no_error(place: Place, service: MaintainedService) -> None:
    async with one(place, service) as called:
        await called.disable()
        await called.enable()
        await called.settled(maintenance=True)
        await called.enable()
        await called.settled(maintenance=True)
        for _ in range(2):
            await called.disable()
            await called.settled(maintenance=False)


async def test_a_restart_changes_nothing(place: Place, service: MaintainedService) -> None:
    async with one(place, service) as called:
        await called.enable()
    for _ in range(2):
        async with one(place, service) as called:
            await called.settled(maintenance=True)
            with pytest.raises(UnavailableError, match="maintenance"):
                await called.use()
    async with one(place, service) as called:
        await called.disable()
        await called.settled(maintenance=False)
        await called.use()


async def test_modes_change_as_often_as_somebody_likes(
    place: Place, service: MaintainedService
) -> None:
    async with one(place, service) as called:
        for _ in range(5):
            await called.enable()
            await called.settled(maintenance=True)
            await called.disable()
            await called.settled(maintenance=False)
            await called.use()


async def test_a_shutdown_in_the_middle_of_a_change_is_clean(
    place: Place, service: MaintainedService
) -> None:
    async with one(place, service) as called:
        await called.enable()
    async with one(place, service) as called:
        await called.settled(maintenance=True)
        await called.disable()
    async with one(place, service) as called:
        await called.use()


async def test_nobody_asks_without_a_token(place: Place, service: MaintainedService) -> None:
    config = place.config()
    async with one(place, service) as called, dial(config.runservice.target, token="x") as channel:
        stranger = Instance(channel, service)
        for _ in range(2):
            for call in (stranger.status, stranger.enable, stranger.disable, stranger.use):
                with pytest.raises(UnauthorizedError):
                    await call()
            await called.enable()
            await called.settled(maintenance=True)


async def test_grpcurl_works_in_maintenance(place: Place, service: MaintainedService) -> None:
    async with one(place, service) as called:
        await called.enable()
        await called.settled(maintenance=True)
        package = f"agola.{service.value}.v1"
        listed = await grpcurl(place.config(), "list")
        assert f"{package}.MaintenanceService" in listed.splitlines()
        method = f"{package}.MaintenanceService/GetMaintenanceStatus"
        assert '"maintenance": true' in await grpcurl(place.config(), method)


async def grpcurl(config: Config, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "grpcurl"),
        *("-plaintext", "-unix", "-H", f"authorization: Bearer {TOKEN}"),
        *(config.runservice.target.removeprefix("unix:"), *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors
    return output.decode()


async def test_streams_end_so_that_they_are_resumed(place: Place) -> None:
    async with one(place, RUNSERVICE) as called:
        run = (await RunClient(called.channel).create_run(a_run("t"))).run
        events = RunEventClient(called.channel).watch_run_events()
        progress = RunClient(called.channel).watch_run(run.id)
        async with aclosing(events), aclosing(progress):
            await anext(events)
            await anext(progress)
            await called.enable()
            for stream in (events, progress):
                with pytest.raises(UnavailableError) as caught:
                    await ended(stream)
                assert caught.value.reason == "SERVER_SHUTTING_DOWN"
        await called.settled(maintenance=True)
        for again in (
            RunEventClient(called.channel).watch_run_events(),
            RunClient(called.channel).watch_run(run.id),
            ExecutorTaskClient(called.channel).watch_executor_tasks("e", "s"),  # type: ignore[arg-type]
        ):
            with pytest.raises(UnavailableError) as caught:
                await anext(again)
            assert caught.value.reason == "MAINTENANCE"
        await called.disable()
        await called.settled(maintenance=False)
        assert (await RunClient(called.channel).get_run(RunID(run.id))).run == run


async def ended(stream: AsyncGenerator[Any, None]) -> None:
    async for _ in stream:
        pass


async def test_only_keepers_are_known_while_the_configstore_is_set_aside(place: Place) -> None:
    async with one(place, CONFIGSTORE) as called:
        users = UserClient(called.channel)
        await users.create_user("alice")
        other = (await users.create_user_token("alice", "ci")).value
        admin = await users.authenticate_token(FIRST)
        await called.enable()
        await called.settled(maintenance=True)
    async with one(place, CONFIGSTORE) as called:  # after a restart as well
        users = UserClient(called.channel)
        again = await users.authenticate_token(FIRST)
        assert (again.user, again.token.id) == (admin.user, admin.token.id)
        assert again.user.admin
        for value in (other, "wrong", ""):
            with pytest.raises(UnavailableError) as caught:
                await users.authenticate_token(value)
            assert caught.value.reason == "MAINTENANCE"
        await called.disable()
        await called.settled(maintenance=False)
        assert (await users.authenticate_token(other)).user.name == "alice"


async def test_there_may_be_many_keepers_but_only_until_the_end(place: Place) -> None:
    async with one(place, CONFIGSTORE) as called:
        users = UserClient(called.channel)
        maintenance = configstore.MaintenanceClient(called.channel)
        await users.create_user("alice", admin=True)
        issued = [await users.create_user_token("alice", name) for name in ("one", "two")]
        await asyncio.gather(
            *(maintenance.enable(user_token_id=each.token.id) for each in issued),
            return_exceptions=True,
        )
        await called.settled(maintenance=True)
        known = [await authenticated(users, each.value) for each in issued]
        assert any(known)  # the second may have come when the door was closed
        await called.disable()
        await called.settled(maintenance=False)
        await maintenance.enable(user_token_id=UserTokenID(""))
        await called.settled(maintenance=True)
        assert not any([await authenticated(users, each.value) for each in issued])


async def authenticated(users: UserClient, value: str) -> bool:
    try:
        await users.authenticate_token(value)
    except UnavailableError:
        return False
    return True


async def test_a_keeper_that_does_not_exist_is_refused(place: Place) -> None:
    async with one(place, CONFIGSTORE) as called:
        maintenance = configstore.MaintenanceClient(called.channel)
        with pytest.raises(NotExistError) as caught:
            await maintenance.enable(user_token_id=UserTokenID(str(uuid4())))
        assert caught.value.reason == "USER_TOKEN_DOES_NOT_EXIST"
        assert not (await called.status()).requested


async def test_a_keepers_token_expires_as_ever(place: Place) -> None:
    async with one(place, CONFIGSTORE) as called:
        users = UserClient(called.channel)
        soon = datetime.now(UTC) + timedelta(seconds=2)
        issued = await users.create_user_token("admin", "short", expire_time=soon)
        maintenance = configstore.MaintenanceClient(called.channel)
        await maintenance.enable(user_token_id=issued.token.id)
        await called.settled(maintenance=True)

        async def reason() -> str:
            try:
                await users.authenticate_token(issued.value)
            except UnauthorizedError as error:
                return error.reason
            return ""

        async with asyncio.timeout(10):
            assert await patiently(reason, bool) == "TOKEN_EXPIRED"


async def test_all_instances_follow_and_each_reports_itself(
    shared: Place, service: MaintainedService
) -> None:
    async with AsyncExitStack() as stack:
        called = []
        for name in ("one", "other"):
            config = shared.config(name)
            await stack.enter_async_context(instance(config, service))
            called.append(await stack.enter_async_context(calling(config, service)))
        here, there = called
        status = await here.settled(maintenance=False, instances=2)
        assert await there.status() == status
        await here.enable()
        aside = await there.settled(maintenance=True, instances=2)
        assert {each.id for each in aside.instances} == {each.id for each in status.instances}
        for each in called:
            with pytest.raises(UnavailableError, match="maintenance"):
                await each.use()
        await there.disable()
        await here.settled(maintenance=False, instances=2)
        for each in called:
            await each.use()


async def test_an_instance_that_is_killed_is_listed_no_more(
    shared: Place, service: MaintainedService
) -> None:
    config = shared.config("one")
    async with (
        instance(config, service),
        calling(config, service) as called,
        instance_process(shared.config("other"), service) as other,
    ):
        await called.settled(maintenance=False, instances=2)
        await called.enable()
        await called.settled(maintenance=True, instances=2)
        other.kill()
        await other.wait()
        assert len((await called.status()).instances) == 2, "its lease has not expired yet"
        await called.settled(maintenance=True, instances=1)


async def test_an_instance_that_comes_later_comes_as_the_others_are(
    shared: Place, service: MaintainedService
) -> None:
    async with one(shared, service) as called:
        await called.enable()
        await called.settled(maintenance=True)
        config = shared.config("other")
        async with instance_process(config, service), calling(config, service) as other:
            assert (await other.settled(maintenance=True, instances=2)).requested
            with pytest.raises(UnavailableError, match="maintenance"):
                await other.use()
