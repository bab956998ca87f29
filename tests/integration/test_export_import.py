"""Exports and imports through the gateway, over sockets, into services as they are served."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agola.cli.admin.maintenance import patiently
from agola.clients.gateway import MaintenanceClient, UserClient
from agola.config.model import Config, Gateway, Gitserver, Internal
from agola.core.errors import BadRequestError, PreconditionError
from agola.model.export import (
    FILE,
    MAX_PART_BYTES,
    ExportChoice,
    ExportEvent,
    ExportHeader,
    ExportRecord,
    ExportRecords,
    ExportTrailer,
    LegacyPiece,
)
from agola.model.maintenance import MaintainedService
from agola.rpc.channel import dial
from agola.services.configstore import service as configstore
from agola.services.gateway import service as gateway
from agola.services.runservice import service as runservice
from agola.storage import kv, objects
from tests.testbed.holdings import Kept

TOKEN = "agola_the-token-of-an-administrator"
CONFIGSTORE, RUNSERVICE = MaintainedService.CONFIGSTORE, MaintainedService.RUNSERVICE
NOTHING = ExportChoice()


class Installation:
    """The gateway, as an administrator calls it."""

    def __init__(self, maintenance: MaintenanceClient, users: UserClient) -> None:
        self.maintenance = maintenance
        self.users = users

    async def export(
        self, *services: MaintainedService, choice: ExportChoice = NOTHING
    ) -> list[ExportEvent]:
        async with aclosing(self.maintenance.export(services, choice)) as events:
            return [event async for event in events]

    async def set_aside(self, service: MaintainedService, *, on: bool = True) -> None:
        ask = self.maintenance.enable if on else self.maintenance.disable
        await patiently(lambda: ask(service), lambda _: True)
        await patiently(
            lambda: self.maintenance.status(service),
            lambda known: known.settled and known.requested is on,
        )


@asynccontextmanager
async def installed(data_dir: Path) -> AsyncGenerator[Installation, None]:
    """Serve an installation from a directory."""
    async with AsyncExitStack() as stack:
        runtime = stack.enter_context(TemporaryDirectory(prefix="agola"))
        users, runs, listen = (f"unix:{runtime}/{name}" for name in ("users", "runs", "gateway"))
        config = Config(
            data_dir=data_dir,
            runtime_dir=Path(runtime),
            internal_token="the-token-of-the-services",
            admin_token=TOKEN,
            gateway=Gateway(listen=listen),
            configstore=Internal(listen=users, target=users),
            runservice=Internal(listen=runs, target=runs),
            gitserver=Gitserver(target=f"unix:{runtime}/nobody"),
        )
        await stack.enter_async_context(configstore.serving(config, announce=lambda _: None))
        await stack.enter_async_context(runservice.serving(config))
        await stack.enter_async_context(gateway.serving(config))
        channel = await stack.enter_async_context(dial(listen, token=TOKEN))
        yield Installation(MaintenanceClient(channel), UserClient(channel))


@asynccontextmanager
async def runs_of(data_dir: Path) -> AsyncGenerator[Kept, None]:
    """Open what the runservice of an installation keeps, while it is not served."""
    config = Config(data_dir=data_dir)
    async with (
        kv.opening(config, "runservice") as keys,
        objects.opening(config, "runservice") as files,
    ):
        yield Kept(keys, files)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Installation, None]:
    async with installed(tmp_path) as one:
        yield one


async def each(events: Iterable[ExportEvent]) -> AsyncGenerator[ExportEvent, None]:
    for event in events:
        yield event


def parts(events: list[ExportEvent]) -> list[ExportRecord]:
    """Give what is in an export but for what changes when somebody looks, and keys of the place."""
    all_parts = [
        part for event in events if isinstance(event, ExportRecords) for part in event.records
    ]
    return [part for part in all_parts if part.type not in {"encryptionkey", "usertoken"}]


async def test_what_was_exported_is_what_is_there_after_the_import(served: Installation) -> None:
    await served.users.create_user("first")
    exported = await served.export(CONFIGSTORE)
    await served.users.create_user("second")
    await served.set_aside(CONFIGSTORE)
    imported = await served.maintenance.import_(CONFIGSTORE, each(exported))
    assert imported.counts["user"] == 2
    assert parts(await served.export(CONFIGSTORE)) == parts(exported)
    await served.set_aside(CONFIGSTORE, on=False)
    names = [user.name for user in (await served.users.list_users()).items]
    assert names == ["admin", "first"]
    await served.users.create_user("second")


async def test_exports_come_whole_one_after_the_other(served: Installation) -> None:
    events = await served.export(CONFIGSTORE, RUNSERVICE, CONFIGSTORE)
    headers = [event for event in events if isinstance(event, ExportHeader)]
    assert [header.service for header in headers] == ["configstore", "runservice"]
    assert headers[1].create_time <= headers[0].create_time
    assert isinstance(events[events.index(headers[1]) - 1], ExportTrailer)


async def test_an_export_of_nothing_is_refused(served: Installation) -> None:
    with pytest.raises(BadRequestError) as caught:
        await served.export()
    assert caught.value.reason == "SERVICE_REQUIRED"


async def test_an_import_while_a_service_serves_is_refused_at_once(served: Installation) -> None:
    """Also to somebody who would go on sending for ever."""
    sent = 0

    async def endless() -> AsyncGenerator[ExportEvent, None]:
        nonlocal sent
        while True:
            sent += 1
            yield LegacyPiece(bytes(MAX_PART_BYTES))

    with pytest.raises(PreconditionError) as caught:
        async with aclosing(endless()) as events:
            await served.maintenance.import_(RUNSERVICE, events)
    assert caught.value.reason == "MAINTENANCE_REQUIRED"
    assert sent < 200


async def test_whoever_sends_an_import_may_break_off(served: Installation) -> None:
    exported = await served.export(CONFIGSTORE)
    await served.set_aside(CONFIGSTORE)
    under_way = asyncio.Event()

    async def stalled() -> AsyncGenerator[ExportEvent, None]:
        for event in exported[:-1]:
            yield event
        under_way.set()
        await asyncio.Event().wait()

    async with aclosing(stalled()) as events:
        sending = asyncio.create_task(served.maintenance.import_(CONFIGSTORE, events))
        await under_way.wait()
        with pytest.raises(PreconditionError) as caught:
            await served.maintenance.import_(CONFIGSTORE, each(exported))
        assert caught.value.reason == "MAINTENANCE_BUSY"
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    imported = await until_free(served, exported)
    assert imported["user"] == 1


async def until_free(served: Installation, exported: list[ExportEvent]) -> dict[str, int]:
    """Import as soon as the one before has noticed that it was broken off."""
    while True:
        try:
            imported = await served.maintenance.import_(CONFIGSTORE, each(exported))
        except PreconditionError as error:
            if error.reason != "MAINTENANCE_BUSY":
                raise
        else:
            return dict(imported.counts)


async def test_what_the_sender_fails_with_is_what_he_gets(served: Installation) -> None:
    exported = await served.export(CONFIGSTORE)
    await served.set_aside(CONFIGSTORE)

    async def failing() -> AsyncGenerator[ExportEvent, None]:
        yield exported[0]
        raise FileNotFoundError("the backup")

    async with aclosing(failing()) as events:
        with pytest.raises(FileNotFoundError, match="the backup"):
            await served.maintenance.import_(CONFIGSTORE, events)
    await served.set_aside(CONFIGSTORE, on=False)
    assert len((await served.users.list_users()).items) == 1


async def test_a_damaged_import_says_where_through_all_hops(served: Installation) -> None:
    exported = await served.export(CONFIGSTORE)
    await served.set_aside(CONFIGSTORE)
    wrong = ExportRecords((ExportRecord("user", "u", 0, b"{}", hashlib.sha256(b"").digest()),))
    with pytest.raises(BadRequestError, match="the record user 'u': it was damaged") as caught:
        await served.maintenance.import_(CONFIGSTORE, each([exported[0], wrong]))
    assert caught.value.reason == "EXPORT_INVALID"
    assert caught.value.metadata == {"type": "user", "id": "u"}


async def test_an_export_goes_on_in_maintenance_mode(served: Installation) -> None:
    serving = await served.export(CONFIGSTORE)
    await served.set_aside(CONFIGSTORE)
    assert parts(await served.export(CONFIGSTORE)) == parts(serving)


async def test_a_reader_who_leaves_holds_nothing(tmp_path: Path) -> None:
    async with runs_of(tmp_path) as kept:
        await kept.add_runs(1, log=bytes(30 * 1024 * 1024))
    async with installed(tmp_path) as served:
        choice = ExportChoice(with_logs=True)
        async with aclosing(served.maintenance.export([RUNSERVICE], choice)) as events:
            async for event in events:
                if isinstance(event, ExportRecords) and event.records[0].type == FILE:
                    break
        await served.set_aside(RUNSERVICE)
    async with runs_of(tmp_path) as kept:
        assert (await kept.kv.range("datamanager/pins/")).entries == ()


async def test_logs_of_any_size_come_and_go(tmp_path: Path) -> None:
    log = bytes(range(256)) * 40_000
    async with runs_of(tmp_path / "one") as kept:
        await kept.add_runs(1, 2, log=log, archive=log[1:])
    choice = ExportChoice(with_logs=True, with_archives=True)
    async with installed(tmp_path / "one") as one, installed(tmp_path / "other") as other:
        await other.set_aside(RUNSERVICE)
        async with aclosing(one.maintenance.export([RUNSERVICE], choice)) as events:
            imported = await other.maintenance.import_(RUNSERVICE, events)
        assert imported.counts[FILE] == 2 * 5
        assert parts(await other.export(RUNSERVICE, choice=choice)) == parts(
            await one.export(RUNSERVICE, choice=choice)
        )
