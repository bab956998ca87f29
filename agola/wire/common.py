"""agola.common.v1 messages to model, and back: logs and archives, the same on every hop."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeVar, assert_never

from agola.core.errors import BadRequestError
from agola.model.archive import ArchiveChunk, ArchiveEnd, ArchiveEvent
from agola.model.log import SETUP_LOG, LogChunk, LogEnd, LogEvent, LogPart
from generated.agola.common.v1 import archive_pb2, log_pb2


class LogMessage(Protocol):
    """A response of a stream of a log, whichever service sends it."""

    @property
    def event(self) -> log_pb2.LogEvent: ...


LogResponse = TypeVar("LogResponse", bound=LogMessage)
ArchiveResponse = TypeVar("ArchiveResponse", bound="ArchiveMessage")


def log_part_to_pb(part: LogPart) -> log_pb2.LogPart:
    if part.step is None:
        return log_pb2.LogPart(setup=True)
    return log_pb2.LogPart(step=part.step)


def log_part_from_pb(message: log_pb2.LogPart) -> LogPart:
    """Say which log is meant.

    Raises BadRequestError: LOG_PART_REQUIRED if none is named, or one that cannot exist.
    """
    if message.WhichOneof("part") == "setup" and message.setup:
        return SETUP_LOG
    if message.WhichOneof("part") == "step" and message.step >= 0:
        return LogPart(message.step)
    raise BadRequestError("say which log: the setup's or a step's", reason="LOG_PART_REQUIRED")


def log_event_to_pb(response: Callable[[], LogResponse], event: LogEvent | None) -> LogResponse:
    """Say *event* in a message of the type *response*; None is a heartbeat.

    The bytes go straight into their place: a message built of messages copies them at each level,
    which takes a hundred times as long.
    """
    message = response()
    match event:
        case None:
            message.event.heartbeat.SetInParent()
        case LogChunk(offset, data):
            chunk = message.event.chunk
            chunk.offset, chunk.data = offset, data
        case LogEnd(size):
            message.event.end.size = size
            message.event.end.SetInParent()
        case _:
            assert_never(event)
    return message


def log_event_from_pb(message: log_pb2.LogEvent) -> LogEvent | None:
    """Say what happened; None is a heartbeat, or something that a newer sender knows."""
    match message.WhichOneof("event"):
        case "chunk":
            return LogChunk(message.chunk.offset, message.chunk.data)
        case "end":
            return LogEnd(message.end.size)
        case _:
            return None


class ArchiveMessage(Protocol):
    """A response of a stream of an archive, whichever service sends it."""

    @property
    def chunk(self) -> archive_pb2.ArchiveChunk: ...
    @property
    def end(self) -> archive_pb2.ArchiveEnd: ...
    def HasField(self, field_name: Literal["chunk", "end"], /) -> bool: ...


def archive_event_to_pb(
    response: Callable[[], ArchiveResponse], event: ArchiveEvent
) -> ArchiveResponse:
    """Say *event* in a message of the type *response*."""
    message = response()
    match event:
        case ArchiveChunk(offset, data):
            chunk = message.chunk
            chunk.offset, chunk.data = offset, data
        case ArchiveEnd(size, sha256):
            end = message.end
            end.size, end.sha256 = size, sha256
        case _:
            assert_never(event)
    return message


def archive_event_from_pb(message: ArchiveMessage) -> ArchiveEvent | None:
    """Say what happened; None is something that a newer sender knows."""
    if message.HasField("chunk"):
        return ArchiveChunk(message.chunk.offset, message.chunk.data)
    if message.HasField("end"):
        return ArchiveEnd(message.end.size, message.end.sha256)
    return None
