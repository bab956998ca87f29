"""`agola admin maintenance` against a gateway whose services follow when they like."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from agola.cli import exits
from agola.cli.main import main
from agola.core.errors import AgolaError, UnauthorizedError, UnavailableError
from agola.model.maintenance import MaintainedService, MaintenanceInstance, MaintenanceStatus
from agola.rpc.auth import InternalToken
from agola.rpc.server import Mount, serving
from agola.wire.gateway.maintenance import service_from_pb
from agola.wire.maintenance_status import status_to_pb
from generated.agola.gateway.v1 import maintenance_service_pb2 as pb
from generated.agola.gateway.v1.maintenance_service_pb2_grpc import (
    MaintenanceServiceServicer,
    add_MaintenanceServiceServicer_to_server,
)

TOKEN = "the-token-of-an-administrator"
SINCE = datetime(2026, 11, 24, 12, tzinfo=UTC)
Context = grpc.aio.ServicerContext[Any, Any]


class Follower(MaintenanceServiceServicer):
    """Services that follow after they were asked for their status so many times."""

    def __init__(self, after: int = 0) -> None:
        self.after = after
        self.left = 0
        self.aside = dict.fromkeys(MaintainedService, False)
        self.present = dict.fromkeys(MaintainedService, False)
        self.calls: list[str] = []
        self.failing: list[AgolaError] = []

    async def GetMaintenanceStatus(
        self, request: pb.GetMaintenanceStatusRequest, context: Context
    ) -> pb.GetMaintenanceStatusResponse:
        if self.failing:
            raise self.failing.pop()
        service = service_from_pb(request.service)
        self.left -= 1
        if self.left < 0:
            self.present[service] = self.aside[service]
        return pb.GetMaintenanceStatusResponse(status=status_to_pb(self._status(service)))

    async def EnableMaintenance(
        self, request: pb.EnableMaintenanceRequest, context: Context
    ) -> pb.EnableMaintenanceResponse:
        service = self._ask("enable", request.service, aside=True)
        return pb.EnableMaintenanceResponse(status=status_to_pb(self._status(service)))

    async def DisableMaintenance(
        self, request: pb.DisableMaintenanceRequest, context: Context
    ) -> pb.DisableMaintenanceResponse:
        service = self._ask("disable", request.service, aside=False)
        return pb.DisableMaintenanceResponse(status=status_to_pb(self._status(service)))

    def _ask(
        self, verb: str, value: pb.MaintainedService.ValueType, *, aside: bool
    ) -> MaintainedService:
        service = service_from_pb(value)
        self.calls.append(f"{verb} {service.value}")
        self.aside[service], self.left = aside, self.after
        return service

    def _status(self, service: MaintainedService) -> MaintenanceStatus:
        instance = MaintenanceInstance(
            id=f"{service.value}-1", maintenance=self.present[service], change_time=SINCE
        )
        return MaintenanceStatus(requested=self.aside[service], instances=(instance,))


@pytest.fixture
def follower() -> Follower:
    return Follower()


@pytest.fixture(autouse=True)
def gateway(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve in a thread, since commands run loops of their own."""
    with served(follower) as address:
        monkeypatch.setenv("AGOLA_GATEWAY_URL", address)
        monkeypatch.setenv("AGOLA_TOKEN", TOKEN)
        yield


@contextmanager
def served(follower: Follower) -> Iterator[str]:
    loop, stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    addresses: list[str] = []
    mount = Mount(
        "agola.gateway.v1.MaintenanceService",
        lambda server: add_MaintenanceServiceServicer_to_server(follower, server),
    )

    async def serve() -> None:
        async with serving(
            [mount], address="127.0.0.1:0", authenticate=InternalToken(TOKEN), drain=0
        ) as address:
            addresses.append(address)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield addresses[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def agola(*arguments: str) -> int:
    return main(["admin", "maintenance", *arguments])


def test_the_configstore_closes_last_and_opens_last(follower: Follower) -> None:
    assert agola("enable") == exits.OK
    assert agola("disable") == exits.OK
    assert follower.calls == [
        "enable runservice",
        "enable configstore",
        "disable runservice",
        "disable configstore",
    ]


def test_a_command_ends_when_every_instance_has_followed(
    follower: Follower, capsys: pytest.CaptureFixture[str]
) -> None:
    follower.after = 3
    assert agola("enable", "--service", "runservice", "-o", "json") == exits.OK
    (instance,) = json.loads(capsys.readouterr().out)["runservice"]["instances"]
    assert (instance["id"], instance["maintenance"]) == ("runservice-1", True)


def test_moments_in_which_nobody_answers_pass(follower: Follower) -> None:
    follower.failing = [
        UnavailableError("stopping", reason="SERVER_SHUTTING_DOWN"),
        UnavailableError("away", reason="UNREACHABLE"),
    ]
    assert agola("enable", "--service", "configstore") == exits.OK
    assert not follower.failing


def test_who_does_not_wait_sees_both_modes(
    follower: Follower, capsys: pytest.CaptureFixture[str]
) -> None:
    follower.after = 1000
    assert agola("enable", "--service", "runservice", "--no-wait") == exits.OK
    assert agola("status", "--service", "runservice") == exits.OK
    for line in capsys.readouterr().out.splitlines()[1::2]:
        assert line.split()[:4] == ["runservice", "runservice-1", "maintenance", "serving"]


def test_waiting_has_an_end(follower: Follower, capsys: pytest.CaptureFixture[str]) -> None:
    follower.after = 1000
    assert agola("enable", "--service", "runservice", "--timeout", "1") == exits.UNAVAILABLE
    assert capsys.readouterr().err == (
        "agola: not every instance of the runservice has followed within 1 seconds;"
        " see `agola admin maintenance status` (MAINTENANCE_PENDING)\n"
    )


def test_who_is_not_known_any_more_has_opened_the_door_all_the_same(
    follower: Follower, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = UnauthorizedError("the token is not known", reason="TOKEN_INVALID")
    follower.failing = [stranger]
    assert agola("disable", "--service", "configstore") == exits.OK
    assert "log in" in capsys.readouterr().err
    follower.failing = [stranger]
    assert agola("disable", "--service", "runservice") != exits.OK


def test_who_is_not_known_in_maintenance_does_not_wait(
    follower: Follower, capsys: pytest.CaptureFixture[str]
) -> None:
    follower.failing = [MaintainedService.CONFIGSTORE.closed()]
    assert agola("disable", "--service", "configstore") == exits.UNAVAILABLE
    assert "the configstore is in maintenance mode" in capsys.readouterr().err


def test_status_shows_both_services(capsys: pytest.CaptureFixture[str]) -> None:
    assert agola("status") == exits.OK
    titles, *rows = [line.split()[:4] for line in capsys.readouterr().out.splitlines()]
    assert titles == ["SERVICE", "INSTANCE", "REQUESTED", "MODE"]
    assert rows == [
        ["configstore", "configstore-1", "serving", "serving"],
        ["runservice", "runservice-1", "serving", "serving"],
    ]
