"""Maintenance mode of the services behind the gateway, over the public API."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from agola.core.errors import BadRequestError, ForbiddenError
from agola.model.export import ExportChoice, ExportEvent, ExportHeader, ExportTrailer
from agola.model.maintenance import MaintainedService
from agola.rpc import calls
from generated.agola.gateway.v1 import maintenance_service_pb2 as pb
from generated.agola.gateway.v1.maintenance_service_pb2_grpc import MaintenanceServiceStub
from tests.unit.services.gateway.caller import Caller
from tests.unit.services.gateway.house import House
from tests.unit.services.gateway.users import ADMIN

CONFIGSTORE, RUNSERVICE = MaintainedService.CONFIGSTORE, MaintainedService.RUNSERVICE


async def test_an_administrator_sets_each_service_aside_and_lets_it_serve_again(
    calling: Caller,
) -> None:
    maintenance = (await calling("admin")).maintenance
    for service, other in ((CONFIGSTORE, RUNSERVICE), (RUNSERVICE, CONFIGSTORE)):
        before = await maintenance.status(service)
        assert (before.requested, before.settled) == (False, True)
        closed = await maintenance.enable(service)
        assert closed.requested
        assert [instance.id for instance in closed.instances] == [f"one-{service.value}"]
        assert await maintenance.status(service) == closed
        assert not (await maintenance.status(other)).requested
        assert await maintenance.disable(service) == before


async def test_the_configstore_learns_whose_token_is_to_work_meanwhile(
    calling: Caller, house: House
) -> None:
    await (await calling("admin")).maintenance.enable(CONFIGSTORE)
    assert house.configstore.keepers == ["admin"]


async def test_others_may_not_even_look(calling: Caller, house: House) -> None:
    maintenance = (await calling("alice")).maintenance
    for call in (maintenance.status, maintenance.enable, maintenance.disable):
        with pytest.raises(ForbiddenError) as caught:
            await call(RUNSERVICE)
        assert caught.value.reason == "ADMIN_REQUIRED"
    assert not house.runservice.requested


async def test_a_token_for_looking_changes_nothing(calling: Caller, house: House) -> None:
    house.users.add_token(ADMIN, "looks", scopes=["admin:read"])
    house.users.add_token(ADMIN, "runs", scopes=["run:write"])
    looks, runs = (await calling("looks")).maintenance, (await calling("runs")).maintenance
    assert not (await looks.status(RUNSERVICE)).requested
    for call in (looks.enable, looks.disable, runs.status, runs.enable, runs.disable):
        with pytest.raises(ForbiddenError) as caught:
            await call(RUNSERVICE)
        assert caught.value.reason == "TOKEN_SCOPE_MISSING"


async def test_the_service_has_to_be_said(house: House) -> None:
    async with house.dial("admin") as channel:
        stub = MaintenanceServiceStub(channel)
        for call in (
            stub.GetMaintenanceStatus(pb.GetMaintenanceStatusRequest()),
            stub.EnableMaintenance(pb.EnableMaintenanceRequest()),
            stub.DisableMaintenance(pb.DisableMaintenanceRequest()),
        ):
            with pytest.raises(BadRequestError) as caught:
                await calls.unary(call)
            assert caught.value.reason == "SERVICE_REQUIRED"


async def test_what_exports_hold_belongs_together(calling: Caller, house: House) -> None:
    moments = house.configstore.moments = house.runservice.moments
    maintenance = (await calling("admin")).maintenance
    exported = maintenance.export([CONFIGSTORE, RUNSERVICE], ExportChoice(with_logs=True))
    async with aclosing(exported) as stream:
        events = [event async for event in stream]
    assert moments == ["one-runservice", "one-configstore"]
    headers = [event for event in events if isinstance(event, ExportHeader)]
    assert [header.service for header in headers] == ["one-configstore", "one-runservice"]
    assert all(header.choice.with_logs for header in headers)


async def test_what_was_exported_can_be_imported(calling: Caller, house: House) -> None:
    maintenance = (await calling("admin")).maintenance
    async with aclosing(maintenance.export([RUNSERVICE], ExportChoice())) as events:
        imported = await maintenance.import_(RUNSERVICE, events)
    assert imported.counts == {"thing": 3}
    assert isinstance(house.runservice.imported[0], ExportHeader)
    assert not house.configstore.imported


async def test_only_administrators_export_and_import(calling: Caller, house: House) -> None:
    house.users.add_token(ADMIN, "looks", scopes=["admin:read"])
    in_clear = ExportChoice(decrypted=True)
    for name, choice in (("alice", ExportChoice()), ("looks", in_clear)):
        maintenance = (await calling(name)).maintenance
        async with aclosing(maintenance.export([RUNSERVICE], choice)) as events:
            with pytest.raises(ForbiddenError):
                await anext(events)
        with pytest.raises(ForbiddenError):
            await maintenance.import_(RUNSERVICE, _trailer())
    assert not house.runservice.moments
    assert not house.runservice.imported


async def _trailer() -> AsyncGenerator[ExportEvent, None]:
    yield ExportTrailer({})
