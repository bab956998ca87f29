"""How a Go program writes its records as JSON.

What is empty is left out, or written as null (maps, lists, pointers) or as the zero value; a moment
that never was is the first of January of the year 1.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec

from agola.maintenance.legacy.entries import Entry, Place, invalid

T = TypeVar("T")

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


def read(entry: Entry, kind: type[T]) -> T:
    """Read the document of an entry; null says nothing.  BadRequestError: EXPORT_INVALID."""
    try:
        return msgspec.convert(_without_nulls(msgspec.json.decode(entry.data)), kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise invalid(entry.place, f"cannot be understood: {error}") from error


def moment(place: Place, value: datetime | None) -> datetime | None:
    """Give a time in UTC; None for one that never was.  BadRequestError: EXPORT_INVALID."""
    if value is None or value.year == 1:
        return None
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise invalid(place, f"has a time out of all bounds: {value}") from error


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value
