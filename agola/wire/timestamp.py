"""google.protobuf.Timestamp, and the moments that it stands for."""

from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


def timestamp_to_pb(moment: datetime | None) -> Timestamp | None:
    """Say a moment, to the microsecond.  None stays None: the field is left unset."""
    if moment is None:
        return None
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def timestamp_from_pb(message: Message, field: str) -> datetime | None:
    """Read the moment in a *field* of *message*, in UTC; None when it is unset."""
    if not message.HasField(field):
        return None
    moment: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    return moment
