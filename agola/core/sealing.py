"""JSON records whose secrets are sealed, while all else stays readable.

The secret values are taken out of the record, so that their names stay with nothing in them, and
sealed together as one document, in the field `sealed`.  One seal for each record and not for each
value: it is quicker, and tells neither how long a value is nor how many there are of a kind.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from agola.core.errors import InternalError
from agola.core.keyring import Key, Place, Sealer, damaged, key_id_of

FIELD: Final = "sealed"
EACH: Final = "*"
"""In a shape: every member of an object, every item of a list."""

SECRET: Final = "*secret*"  # noqa: S105 (no password)
"""In a shape: this text."""

Shape: TypeAlias = "Mapping[str, Shape] | str"
"""Where the secrets of a record are: names of its fields, down to `SECRET`."""

Document: TypeAlias = dict[str, Any]


class RecordSealer:
    """Seals the records of one data type."""

    def __init__(self, sealer: Sealer, data_type: str, shape: Shape) -> None:
        self._sealer = sealer
        self._shape = shape
        self.data_type = data_type

    def seal(self, id: str, record: Document, key: Key | None = None) -> Document:  # noqa: A002
        """Seal a record, which is changed by it; one without secrets stays as it is.

        With the current key, unless another one is given.
        """
        secrets = _take(record, self._shape)
        if not secrets:
            return record
        text = msgspec.json.encode(secrets).decode()
        key = key or self._sealer.keys.current()
        return record | {FIELD: key.seal(text, self._place(id))}

    def decode(self, id: str, data: bytes) -> Document:  # noqa: A002 (the field's name)
        """Read what is stored, without opening it.  InternalError: `DATA_DAMAGED`."""
        try:
            return msgspec.json.decode(data, type=Document)
        except msgspec.MsgspecError as error:
            raise self.damaged(id) from error

    def open(self, id: str, record: Document) -> Document:  # noqa: A002 (the field's name)
        """Undo `seal`.  A record that is not sealed stays as it is.

        InternalError: `ENCRYPTION_KEY_UNKNOWN`, `DATA_DAMAGED`.
        """
        sealed = record.get(FIELD)
        if sealed is None:
            return record
        place = self._place(id)
        secrets = msgspec.json.decode(self._sealer.open(str(sealed), place))
        try:
            _fill(record, secrets)
        except (LookupError, TypeError, ValueError):
            raise damaged(place, "it has other fields than when it was written") from None
        return {name: value for name, value in record.items() if name != FIELD}

    def sealed_again(self, id: str, data: bytes, key: Key) -> bytes | None:  # noqa: A002
        """Give a record sealed with *key*; None if it is so already, or has no secrets.

        InternalError: `ENCRYPTION_KEY_UNKNOWN`, `DATA_DAMAGED`.
        """
        if self.key_id(id, data) in {key.id, None}:
            return None
        return msgspec.json.encode(self.seal(id, self.open(id, self.decode(id, data)), key))

    def key_id(self, id: str, data: bytes) -> str | None:  # noqa: A002 (the field's name)
        """Say which key sealed a record; "" if it has secrets in clear, None if it has none.

        InternalError: `DATA_DAMAGED`.
        """
        try:
            sealed = msgspec.json.decode(data, type=_Glance).sealed
        except msgspec.MsgspecError as error:
            raise self.damaged(id) from error
        if not sealed:
            return "" if _take(self.decode(id, data), self._shape) else None
        key_id = key_id_of(sealed)
        if key_id is None:
            raise self.damaged(id)
        return key_id

    def damaged(self, id: str) -> InternalError:  # noqa: A002 (the field's name)
        """Say that a record is none of this type."""
        return damaged(self._place(id), "it is no record of its kind")

    def _place(self, id: str) -> Place:  # noqa: A002 (the field's name)
        return Place(self.data_type, id, FIELD)


class _Glance(msgspec.Struct):
    """Of a record, all that has to be known to find its key."""

    sealed: str = ""


def _take(node: Any, shape: Shape) -> Document:
    """Take the secrets out of a document; give them, by the same names."""
    taken: Document = {}
    for name, below in _parts(node, shape):
        value = node[name]
        if below == SECRET:
            if isinstance(value, str) and value:
                taken[str(name)], node[name] = value, ""
        elif within := _take(value, below):
            taken[str(name)] = within
    return taken


def _parts(node: Any, shape: Shape) -> Iterator[tuple[Any, Shape]]:
    """Name the members of a node that may be or hold secrets."""
    if isinstance(shape, str) or not isinstance(node, dict | list):
        return
    for name in list(node) if isinstance(node, dict) else range(len(node)):
        below = shape.get(EACH) or shape.get(str(name))
        if below is not None:
            yield name, below


def _fill(node: Any, secrets: Document) -> None:
    """Put secrets back.  LookupError, TypeError, ValueError: something has no place."""
    for name, value in secrets.items():
        where = name if isinstance(node, dict) else int(name)
        if isinstance(value, dict):
            _fill(node[where], value)
        elif node[where] == "":
            node[where] = value
        else:
            raise ValueError(name)
