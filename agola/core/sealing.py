"""JSON records whose secrets are sealed, while all else stays readable.

The secret values are taken out of the record, so that their names stay with nothing in them, and
sealed together as one document, in the field `sealed`.  One seal for each record and not for each
value: it is quicker, and tells neither how long a value is nor how many there are of a kind.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

from agola.core.errors import InternalError
from agola.core.keyring import Key, Place, Sealer, damaged, key_id_of

FIELD: Final = "sealed"
EACH: Final = "*"
"""In a shape: every member of an object, every item of a list."""

SECRET: Final = "*secret*"  # noqa: S105 (no password)
"""In a shape: this text."""

Shape: TypeAlias = Mapping[str, Any]
"""Where the secrets of a record are: names of its fields with the shapes of these, or `SECRET`."""

Document: TypeAlias = dict[str, Any]


class RecordSealer:
    """Seals the records of one data type."""

    def __init__(self, sealer: Sealer, data_type: str, shape: Shape) -> None:
        self._sealer = sealer
        self._take = _taker(shape)
        self.data_type = data_type

    def seal(self, id: str, record: Document, key: Key | None = None) -> Document:  # noqa: A002
        """Seal a record, which is changed by it; one without secrets stays as it is.

        With the current key, unless another one is given.
        """
        secrets = self._take(record)
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
            return "" if self._take(self.decode(id, data)) else None
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


Taker: TypeAlias = Callable[[Any], Document]
"""Takes the secrets out of a document, and gives them by the same names."""


def _taker(shape: Shape) -> Taker:
    """Make a taker of a shape: once, for run configs may have thousands of values."""
    if shape.get(EACH) == SECRET:
        return _take_values
    if EACH in shape:
        return partial(_take_each, _taker(shape[EACH]))
    texts = tuple(name for name, below in shape.items() if below == SECRET)
    below = tuple((name, _taker(part)) for name, part in shape.items() if part != SECRET)
    return partial(_take_fields, texts, below)


def _take_values(node: Any) -> Document:
    if type(node) is not dict or not node:
        return {}
    taken = {name: text for name, text in node.items() if text and type(text) is str}
    node.update(dict.fromkeys(taken, ""))
    return taken


def _take_each(below: Taker, node: Any) -> Document:
    members: Iterable[tuple[Any, Any]] = ()
    if type(node) is dict:
        members = node.items()
    elif type(node) is list:
        members = enumerate(node)
    return {str(name): taken for name, member in members if (taken := below(member))}


def _take_fields(texts: Sequence[str], below: Sequence[tuple[str, Taker]], node: Any) -> Document:
    if type(node) is not dict:
        return {}
    taken: Document = {}
    for name in texts:
        if (text := node.get(name)) and type(text) is str:
            taken[name], node[name] = text, ""
    for name, take in below:
        if (value := node.get(name)) and (within := take(value)):
            taken[name] = within
    return taken


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
