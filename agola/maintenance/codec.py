"""What a service says about its own records and files, so that others can carry them."""

from collections.abc import AsyncGenerator, Callable, Mapping
from operator import attrgetter
from typing import Any, Protocol, TypeAlias

import msgspec
from msgspec import Struct

from agola.core.errors import BadRequestError
from agola.datamanager.port import StoredObject, View
from agola.model.export import ExportChoice


class Codec(Protocol):
    """Knows every record of a service."""

    def outgoing(self, stored: StoredObject, *, decrypted: bool) -> StoredObject:
        """Make what an export says of a record: the same, unless secret values are *decrypted*."""

    def incoming(self, stored: StoredObject) -> StoredObject:
        """Make the record that is kept from what an export says of it.

        BadRequestError: EXPORT_INVALID for what is no record of this service,
        ENCRYPTION_KEY_UNKNOWN for what no key opens.
        """


class Files(Protocol):
    """Knows which objects, other than the datamanager's, belong to the records of a service."""

    def listed(self, view: View, choice: ExportChoice) -> AsyncGenerator[str, None]:
        """Give the paths of all that belong to what is in *view*, in order."""

    def known(self, path: str, choice: ExportChoice) -> bool:
        """Say whether a path may be in an export of this choice."""


def export_invalid(message: str, **metadata: str) -> BadRequestError:
    """Make the error for an export that cannot be imported, whatever the reason."""
    return BadRequestError(message, reason="EXPORT_INVALID", **metadata)


Check: TypeAlias = Callable[[StoredObject], None]
"""Reads a record completely.  MsgspecError, ValueError: it is none."""


class PlainCodec:
    """Records that travel as they are kept, checked by their data types."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    def outgoing(self, stored: StoredObject, *, decrypted: bool) -> StoredObject:
        return stored

    def incoming(self, stored: StoredObject) -> StoredObject:
        what = f"the record {stored.data_type} {stored.id!r}"
        try:
            self._checks[stored.data_type](stored)
        except KeyError:
            why = "this service keeps nothing of this type"
            raise _wrong(stored, f"{what}: {why}") from None
        except (msgspec.MsgspecError, ValueError) as error:
            raise _wrong(stored, f"{what} cannot be read: {error}") from error
        return stored


def noun_check(noun: type[Struct], *, id_of: Callable[[Any], str] = attrgetter("id")) -> Check:
    """Make the check of records that are nouns as JSON: of this id, and of format 1."""
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(noun)

    def check(stored: StoredObject) -> None:
        one = decoder.decode(stored.data)
        if id_of(one) != stored.id:
            raise ValueError(f"it has the id {id_of(one)!r}")
        if one.format != 1:
            raise ValueError(f"it has format {one.format}, this program reads 1")

    return check


def _wrong(stored: StoredObject, message: str) -> BadRequestError:
    return export_invalid(message, type=stored.data_type, id=stored.id)
