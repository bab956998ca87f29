"""agola.maintenance.verification: no export that is not whole passes."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agola.core.errors import BadRequestError
from agola.datamanager.port import StoredObject
from agola.maintenance.parts import object_parts
from agola.maintenance.verification import Verification
from agola.model.export import (
    MAX_PART_BYTES,
    ExportEvent,
    ExportHeader,
    ExportRecord,
    ExportRecords,
    ExportTrailer,
    LegacyPiece,
)

HEADER = ExportHeader(
    service="runservice", version="1", create_time=datetime(2026, 1, 1, tzinfo=UTC), revision="1-1"
)
OBJECTS = [
    StoredObject("run", "a", b"one"),
    StoredObject("run", "b", b""),
    StoredObject("runconfig", "a", b"x" * (2 * MAX_PART_BYTES + 1)),
    StoredObject("file", "logs/a", b"two"),
    StoredObject("file", "logs/b", b"three"),
]


def export(objects: Sequence[StoredObject] = OBJECTS) -> list[ExportEvent]:
    """Make an export with a message for each part."""
    counts: dict[str, int] = {}
    for one in objects:
        counts[one.data_type] = counts.get(one.data_type, 0) + 1
    parts = [part for one in objects for part in object_parts(one)]
    return [HEADER, *(ExportRecords((part,)) for part in parts), ExportTrailer(counts)]


def verify(events: Sequence[ExportEvent], service: str = "runservice") -> list[ExportRecord]:
    verification = Verification(service)
    parts = [part for event in events for part in verification.take(event)]
    verification.end()
    return parts


def refused(events: Sequence[ExportEvent], why: str = ".") -> None:
    with pytest.raises(BadRequestError, match=why) as caught:
        verify(events)
    assert caught.value.reason == "EXPORT_INVALID"


def test_a_whole_export_passes() -> None:
    assert len(verify(export())) == 7


def test_an_empty_export_passes() -> None:
    assert verify(export([])) == []


@given(st.data())
def test_one_that_was_damaged_does_not(data: st.DataObject) -> None:
    events = export()
    place = data.draw(st.integers(0, len(events) - 1))
    match data.draw(st.sampled_from(["drop", "duplicate", "swap", "cut", "flip"])):
        case "drop":
            del events[place]
        case "duplicate":
            events.insert(data.draw(st.integers(0, len(events))), events[place])
        case "swap":
            other = data.draw(st.integers(0, len(events) - 1))
            assume(other != place)
            events[place], events[other] = events[other], events[place]
        case "cut":
            del events[place:]
        case _:
            event = events[place]
            assume(isinstance(event, ExportRecords) and event.records[0].data)
            assert isinstance(event, ExportRecords)
            (part,) = event.records
            flipped = bytearray(part.data)
            flipped[data.draw(st.integers(0, len(flipped) - 1))] ^= 1
            changed = ExportRecord(part.type, part.id, part.offset, bytes(flipped), part.sha256)
            events[place] = ExportRecords((changed,))
    refused(events)


def test_it_says_which_record_is_damaged() -> None:
    part = ExportRecord("run", "b", 0, b"x", b"d" * 32)
    refused([HEADER, ExportRecords((part,))], "the record run 'b': it was damaged")


def test_a_newer_format_is_refused_by_both_numbers() -> None:
    newer = ExportHeader(
        service="runservice", version="9", create_time=HEADER.create_time, revision="", format=2
    )
    refused([newer, ExportTrailer({})], "format 2, this program reads 1")


def test_an_export_of_another_service_is_refused() -> None:
    with pytest.raises(BadRequestError, match="of the 'runservice', not of the configstore"):
        verify(export(), "configstore")


def test_an_export_of_the_original_in_the_middle_is_refused() -> None:
    refused([HEADER, LegacyPiece(b"{}")], "another program")


def test_records_behind_files_are_refused() -> None:
    refused(export([OBJECTS[3], OBJECTS[0]]), "not among the others")


def test_a_type_that_comes_again_is_refused() -> None:
    again = StoredObject("run", "c", b"")
    refused(export([OBJECTS[0], OBJECTS[2], again]), "not among the others")


def test_a_part_that_is_too_large_is_refused() -> None:
    part = ExportRecord("run", "a", 0, b"x" * (MAX_PART_BYTES + 1))
    refused([HEADER, ExportRecords((part,))], "a part of it has")


def test_an_endless_record_of_nothing_is_refused() -> None:
    begun = ExportRecord("run", "a", 0, b"x")
    nothing = ExportRecord("run", "a", 1, b"")
    refused([HEADER, ExportRecords((begun, nothing))], "a part of it is empty")
