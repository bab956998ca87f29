"""agola.maintenance.importing: all of an export, or nothing of it."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from agola.core.errors import BadRequestError, PreconditionError, UnavailableError
from agola.maintenance.alone import LOCK, LOCK_TTL
from agola.model.export import (
    ExportChoice,
    ExportEvent,
    ExportRecord,
    ExportRecords,
    ExportTrailer,
    LegacyPiece,
)
from tests.testbed.faulty_objects import FaultyObjects, Operation
from tests.testbed.holdings import Kept, kept

BIG = bytes(range(256)) * 3000
"""Three parts."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Kept, None]:
    async with kept(tmp_path) as one:
        yield one


async def an_export(tmp_path: Path, *numbers: int, log: bytes = b"a log") -> list[ExportEvent]:
    """Export the runs of another installation."""
    async with kept(tmp_path / "other") as other:
        await other.add_runs(*numbers, log=log, archive=BIG)
        return await other.export()


async def refused(store: Kept, events: Sequence[ExportEvent], why: str = ".") -> None:
    """Make sure that an import is refused, and that not a byte has changed anywhere."""
    before = await store.picture()
    with pytest.raises(BadRequestError, match=why) as caught:
        await store.import_(events)
    assert caught.value.reason == "EXPORT_INVALID"
    assert await store.picture() == before


async def test_an_older_export_replaces_all_that_came_after_it(store: Kept) -> None:
    await store.add_runs(1, 2)
    exported, records = await store.export(), await store.records()
    await store.add_runs(3, log=b"another")
    await store.enter_maintenance()
    imported = await store.import_(exported)
    assert imported.counts == {"run": 2, "runconfig": 2, "runcounter": 1, "file": 4}
    again = await store.export()
    assert again[1:] == exported[1:]
    assert await store.records() == records


async def test_an_empty_export_makes_everything_empty(store: Kept, tmp_path: Path) -> None:
    async with kept(tmp_path / "empty") as empty:
        exported = await empty.export()
    assert [type(event).__name__ for event in exported] == ["ExportHeader", "ExportTrailer"]
    await store.add_runs(1)
    await store.enter_maintenance()
    assert (await store.import_(exported)).counts == {}
    assert await store.records() == []
    assert (await store.export())[1:] == exported[1:]


async def test_logs_come_with_the_runs_that_need_them_and_no_others(store: Kept) -> None:
    await store.add_runs(1, log=BIG, archive=b"tar")
    await store.add_files(7, log=b"of a run that has not ended")
    await store.objects.write("logs/task0001/runs/run0007", b"")
    paths = {
        record.id
        for event in await store.export()
        if isinstance(event, ExportRecords)
        for record in event.records
        if record.type == "file"
    }
    assert paths == {
        "logs/task0001/data/steps/0.log",
        "logs/task0001/runs/run0001",
        "workspacearchives/task0001/data/1.tar",
        "workspacearchives/task0001/data/1.tar.sha256",
        "workspacearchives/task0001/runs/run0001",
    }


async def test_files_come_only_if_they_are_asked_for(store: Kept) -> None:
    await store.add_runs(1, archive=b"tar")
    for choice, folders in (
        (ExportChoice(), set()),
        (ExportChoice(with_logs=True), {"logs"}),
        (ExportChoice(with_archives=True), {"workspacearchives"}),
    ):
        records = [
            record
            for event in await store.export(choice)
            if isinstance(event, ExportRecords)
            for record in event.records
        ]
        assert {one.id.split("/")[0] for one in records if one.type == "file"} == folders


async def test_files_are_put_in_their_places(store: Kept, tmp_path: Path) -> None:
    exported = await an_export(tmp_path, 1, 2, log=BIG)
    await store.add_runs(2, 9, log=BIG[:-1], archive=BIG)
    await store.enter_maintenance()
    await store.import_(exported)
    seen = await store.picture()
    assert seen["logs/task0001/data/steps/0.log"] == BIG
    assert seen["logs/task0002/data/steps/0.log"] == BIG
    assert not [path for path in seen if path.startswith("imports/")]


@given(st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_damaged_export_changes_nothing(data: st.DataObject) -> None:
    async def check(root: Path) -> None:
        events = damaged(_single(await an_export(root, 1, 2, 3)), data)
        async with kept(root) as store:
            await store.add_runs(2, 5, log=b"present")
            await store.enter_maintenance()
            await refused(store, events)

    with TemporaryDirectory() as name:
        asyncio.run(check(Path(name)))


def _single(events: Sequence[ExportEvent]) -> list[ExportEvent]:
    """Give each part of a record a message of its own."""
    single: list[ExportEvent] = []
    for event in events:
        if isinstance(event, ExportRecords):
            single += [ExportRecords((record,)) for record in event.records]
        else:
            single.append(event)
    return single


def damaged(events: list[ExportEvent], data: st.DataObject) -> list[ExportEvent]:
    """Damage an export somewhere, somehow."""
    place = data.draw(st.integers(0, len(events) - 1))
    event = events[place]
    match data.draw(st.sampled_from(["drop", "duplicate", "swap", "cut", "flip"])):
        case "drop":
            del events[place]
        case "duplicate":
            events.insert(data.draw(st.integers(0, len(events))), event)
        case "swap":
            other = data.draw(st.integers(0, len(events) - 1).filter(lambda one: one != place))
            events[place], events[other] = events[other], event
        case "cut":
            del events[place:]
        case _:
            assume(isinstance(event, ExportRecords) and event.records[0].data)
            assert isinstance(event, ExportRecords)
            (part,) = event.records
            flipped = bytearray(part.data)
            flipped[data.draw(st.integers(0, len(flipped) - 1))] ^= 1
            changed = ExportRecord(part.type, part.id, part.offset, bytes(flipped), part.sha256)
            events[place] = ExportRecords((changed,))
    return events


@pytest.mark.parametrize(
    ("data_type", "id_", "data", "why"),
    [
        ("user", "u", b"{}", "keeps nothing of this type"),
        ("import", "u", b"", "keeps nothing of this type"),
        ("run", "r", b"{}", "the record run 'r' cannot be read"),
        ("run", "r", b"\xff", "cannot be read"),
        ("runcounter", "u", b"-1", "no number"),
        ("runconfig", "r", b'{"id":"s","name":"","group":""}', "the id 's'"),
        ("runconfig", "r", b'{"id":"r","name":"","group":"","format":2}', "format 2"),
        ("file", "../escape", b"", "no such file"),
        ("file", "rundata/data/x.status", b"", "no such file"),
        ("file", "logs/t/data/steps/../0.log", b"", "no such file"),
        ("file", "workspacearchives/t/data/1.tar\n", b"", "no such file"),
    ],
)
async def test_a_record_that_is_none_of_the_service_is_refused(
    store: Kept, *, data_type: str, id_: str, data: bytes, why: str
) -> None:
    await store.add_runs(1)
    header = (await store.export())[0]
    await store.enter_maintenance()
    part = ExportRecord(data_type, id_, 0, data, hashlib.sha256(data).digest())
    await refused(store, [header, ExportRecords((part,)), ExportTrailer({data_type: 1})], why)


async def test_there_is_no_import_while_a_service_serves(store: Kept) -> None:
    for enter in (None, False):
        if enter is not None:
            await store.enter_maintenance(instance=enter)
        with pytest.raises(PreconditionError) as caught:
            await store.import_([])
        assert caught.value.reason == "MAINTENANCE_REQUIRED"


async def test_one_import_at_a_time(store: Kept) -> None:
    await store.enter_maintenance()
    async with store.kv.lock(LOCK, ttl=LOCK_TTL):
        with pytest.raises(PreconditionError, match="another import or export") as caught:
            await store.import_([])
        assert caught.value.reason == "MAINTENANCE_BUSY"


async def test_a_reader_that_breaks_off_changes_nothing(store: Kept, tmp_path: Path) -> None:
    events = await an_export(tmp_path, 1, 2)
    await store.add_runs(5)
    await store.enter_maintenance()
    before = await store.picture()

    async def broken() -> AsyncGenerator[ExportEvent, None]:
        for event in events[:-1]:
            yield event
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        async with aclosing(broken()) as stream:
            await store.importer.import_(stream)
    assert await store.picture() == before


async def test_a_service_that_serves_again_meanwhile_keeps_its_data(
    store: Kept, tmp_path: Path
) -> None:
    events = await an_export(tmp_path, 1, 2)
    await store.add_runs(5)
    await store.enter_maintenance()

    async def slow() -> AsyncGenerator[ExportEvent, None]:
        for event in events[:-1]:
            yield event
        await store.flag.disable()
        yield events[-1]

    before = await store.records()
    with pytest.raises(PreconditionError):
        async with aclosing(slow()) as stream:
            await store.importer.import_(stream)
    assert await store.records() == before
    left = [path for path in await store.picture() if path.startswith(("imports", "logs/task0001"))]
    assert not left


async def test_pieces_of_the_original_and_records_of_ours_do_not_mix(store: Kept) -> None:
    header = (await store.export())[0]
    await store.enter_maintenance()
    await refused(store, [header, LegacyPiece(b"{")], "another program")
    await refused(store, [LegacyPiece(b"{"), header], "another format")


async def test_an_export_after_an_import_that_died_behind_its_commit_has_the_files_of_that(
    tmp_path: Path,
) -> None:
    events = await an_export(tmp_path, 1, log=b"imported")
    async with kept(tmp_path) as store:
        await store.add_runs(1, 2)
        await store.enter_maintenance()
        faulty = FaultyObjects(store.objects)
        faulty.fail("write", path="logs/task0001/data", times=-1)
        with pytest.raises(UnavailableError):
            await Kept(store.kv, faulty).import_(events)
        exported = [e for e in await store.export() if isinstance(e, ExportRecords)]
        records = {record.id: record.data for event in exported for record in event.records}
        assert "run0002" not in records
        assert records["logs/task0001/data/steps/0.log"] == b"imported"


@pytest.mark.parametrize("operation", ["stat", "write"])
@pytest.mark.parametrize("path", ["logs/", "imports/", "rundata/"])
async def test_storage_that_fails_changes_nothing(
    tmp_path: Path, operation: Operation, path: str
) -> None:
    events = await an_export(tmp_path, 1, 2, log=BIG)
    async with kept(tmp_path) as store:
        await store.add_runs(2, 5)
        await store.enter_maintenance()
        before = await store.picture()
        faulty = FaultyObjects(store.objects)
        faulty.fail(operation, path=path)
        try:
            await Kept(store.kv, faulty).import_(events)
        except UnavailableError:
            assert await store.picture() == before
        await store.import_(events)
        assert (await store.picture())["logs/task0002/data/steps/0.log"] == BIG
