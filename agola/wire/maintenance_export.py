"""agola.common.v1.ExportEvent to the model, and back: the same on every hop, and in files."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from typing import Protocol, TypeVar, assert_never

from google.protobuf.message import DecodeError

from agola.core.errors import BadRequestError
from agola.model.export import (
    ExportChoice,
    ExportEvent,
    ExportHeader,
    ExportRecord,
    ExportRecords,
    ExportTrailer,
    Imported,
    LegacyPiece,
)
from agola.wire.maintenance_status import UNKNOWN
from agola.wire.timestamp import timestamp_from_pb, timestamp_to_pb
from generated.agola.common.v1 import maintenance_pb2 as pb


class ExportMessage(Protocol):
    """A message of a stream of an export, whichever service sends it."""

    @property
    def event(self) -> pb.ExportEvent: ...


class ImportMessage(Protocol):
    """What a service answers to an import."""

    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def skipped(self) -> Mapping[str, int]: ...


Message = TypeVar("Message", bound=ExportMessage)


def fill_event(message: pb.ExportEvent, event: ExportEvent) -> None:
    """Say *event* in a message that is in its place already, so that no bytes are copied twice."""
    match event:
        case ExportRecords((only,)):
            _fill_record(message.record, only)
        case ExportRecords(records):
            for record in records:
                _fill_record(message.records.records.add(), record)
        case ExportHeader():
            message.header.CopyFrom(_header_to_pb(event))
        case ExportTrailer(counts):
            message.trailer.SetInParent()
            message.trailer.counts.update(counts)
        case LegacyPiece(data):
            message.legacy = data
        case _:
            assert_never(event)


def event_from_pb(message: pb.ExportEvent) -> ExportEvent:
    """Read what comes now.  BadRequestError: EXPORT_INVALID for nothing, or what is not known."""
    match message.WhichOneof("event"):
        case "record":
            return ExportRecords((_record_from_pb(message.record),))
        case "records":
            return ExportRecords(tuple(map(_record_from_pb, message.records.records)))
        case "header":
            return _header_from_pb(message.header)
        case "trailer":
            return ExportTrailer(dict(message.trailer.counts))
        case "legacy":
            return LegacyPiece(message.legacy)
        case _:
            text = "the export has something in it that this program does not know"
            raise BadRequestError(text, reason="EXPORT_INVALID")


def event_to_bytes(event: ExportEvent) -> bytes:
    """Make what a file holds of an event."""
    message = pb.ExportEvent()
    fill_event(message, event)
    return message.SerializeToString()


def event_from_bytes(data: bytes) -> ExportEvent:
    """Read what a file holds of an event.  BadRequestError: EXPORT_INVALID."""
    try:
        message = pb.ExportEvent.FromString(data)
    except DecodeError as error:
        text = "the file is damaged: a message in it cannot be read"
        raise BadRequestError(text, reason="EXPORT_INVALID") from error
    return event_from_pb(message)


async def events_from_pb(
    messages: AsyncIterable[ExportMessage],
) -> AsyncGenerator[ExportEvent, None]:
    """Read the events of a stream."""
    async for message in messages:
        yield event_from_pb(message.event)


def _header_to_pb(header: ExportHeader) -> pb.ExportHeader:
    return pb.ExportHeader(
        format=header.format,
        service=header.service,
        version=header.version,
        create_time=timestamp_to_pb(header.create_time),
        revision=header.revision,
        with_logs=header.choice.with_logs,
        with_archives=header.choice.with_archives,
        decrypted=header.choice.decrypted,
    )


def _header_from_pb(message: pb.ExportHeader) -> ExportHeader:
    return ExportHeader(
        format=message.format,
        service=message.service,
        version=message.version,
        create_time=timestamp_from_pb(message, "create_time") or UNKNOWN,
        revision=message.revision,
        choice=ExportChoice(
            with_logs=message.with_logs,
            with_archives=message.with_archives,
            decrypted=message.decrypted,
        ),
    )


def _fill_record(message: pb.ExportRecord, record: ExportRecord) -> None:
    message.type, message.id, message.offset = record.type, record.id, record.offset
    message.data, message.sha256 = record.data, record.sha256


def _record_from_pb(message: pb.ExportRecord) -> ExportRecord:
    return ExportRecord(message.type, message.id, message.offset, message.data, message.sha256)


async def messages_of(
    message: Callable[[], Message], events: AsyncIterable[ExportEvent]
) -> AsyncGenerator[Message, None]:
    """Say each event in a message of its own, of the type *message*."""
    async for event in events:
        made = message()
        fill_event(made.event, event)
        yield made


def imported_from_pb(message: ImportMessage) -> Imported:
    return Imported(dict(message.counts), dict(message.skipped))
