"""agola.wire.common."""

import pytest

from agola.core.errors import BadRequestError
from agola.model.archive import ArchiveChunk, ArchiveEnd, ArchiveEvent
from agola.model.log import SETUP_LOG, LogChunk, LogEnd, LogEvent, LogPart
from agola.wire import common as wire
from generated.agola.common.v1 import log_pb2
from generated.agola.executor.v1.executor_service_pb2 import (
    StreamTaskArchiveResponse,
    StreamTaskLogResponse,
)


@pytest.mark.parametrize("part", [SETUP_LOG, LogPart(0), LogPart(7)])
def test_a_log_part_survives_the_wire(part: LogPart) -> None:
    assert wire.log_part_from_pb(wire.log_part_to_pb(part)) == part


@pytest.mark.parametrize(
    "message", [log_pb2.LogPart(), log_pb2.LogPart(setup=False), log_pb2.LogPart(step=-1)]
)
def test_a_part_that_names_no_log_is_refused(message: log_pb2.LogPart) -> None:
    with pytest.raises(BadRequestError) as caught:
        wire.log_part_from_pb(message)
    assert caught.value.reason == "LOG_PART_REQUIRED"


@pytest.mark.parametrize("event", [LogChunk(3, b"\xff\x00x"), LogChunk(0, b""), LogEnd(0), None])
def test_a_log_event_survives_the_wire(event: LogEvent | None) -> None:
    message = wire.log_event_to_pb(StreamTaskLogResponse, event)
    assert wire.log_event_from_pb(message.event) == event


def test_an_event_of_a_newer_sender_counts_as_a_heartbeat() -> None:
    assert wire.log_event_from_pb(log_pb2.LogEvent()) is None


@pytest.mark.parametrize("event", [ArchiveChunk(3, b"x"), ArchiveEnd(4, b"\x01" * 32)])
def test_an_archive_event_survives_the_wire(event: ArchiveEvent) -> None:
    message = wire.archive_event_to_pb(StreamTaskArchiveResponse, event)
    assert wire.archive_event_from_pb(message) == event
