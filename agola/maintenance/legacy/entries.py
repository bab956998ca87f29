"""The stream itself: JSON objects one behind the other, `{"id":…,"data_type":…,"data":"<base64>"}`.

It has no header, no count, no checksum and no end.  One that was cut between two entries cannot be
told from a whole one.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from dataclasses import dataclass, field

import msgspec

from agola.core.errors import BadRequestError

MAX_ENTRY_BYTES = 64 * 2**20
"""No entry may be larger.  As much as this is kept in memory, and no more."""
SHOWN_CHARACTERS = 100
PROBLEM_CHARACTERS = 300

_OUTSIDE = re.compile(rb'["{}]')
_INSIDE = re.compile(rb'["\\]')
_BLANK = b" \t\r\n"
_HEAD = re.compile(rb'\{"id":"([^"\\]*)","data_type":"([^"\\]*)"')
"""How an entry begins when the original wrote it: enough to name one that cannot be read."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which entry of an export: its number, from 1, and what it says of itself."""

    number: int
    data_type: str = ""
    id: str = ""

    def __str__(self) -> str:
        data_type, id_ = self.data_type[:SHOWN_CHARACTERS], self.id[:SHOWN_CHARACTERS]
        return f"entry {self.number}" + (f" ({data_type} {id_})" if data_type else "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that the original kept: a JSON document."""

    place: Place
    data: bytes = field(repr=False)


def invalid(place: Place, problem: str) -> BadRequestError:
    """Say what is wrong with an entry: briefly, however long that which is wrong is."""
    if len(problem) > PROBLEM_CHARACTERS:
        problem = problem[:PROBLEM_CHARACTERS] + "…"
    return BadRequestError(
        f"the export cannot be read: {place} {problem}",
        reason="EXPORT_INVALID",
        entry=str(place.number),
        type=place.data_type[:SHOWN_CHARACTERS],
        id=place.id[:SHOWN_CHARACTERS],
    )


async def entries(
    pieces: AsyncIterable[bytes], *, max_bytes: int = MAX_ENTRY_BYTES
) -> AsyncGenerator[Entry, None]:
    """Cut a stream that comes in pieces of any size into its entries.

    BadRequestError (`EXPORT_INVALID`): it is something else, ends within an entry or holds none; an
    entry is too large; the entries of a type are apart, or not in the order of their ids.
    """
    cutter, order = _Cutter(max_bytes), _Order()
    async for piece in pieces:
        for raw in cutter.cut(piece):
            entry = _decode(cutter.number, raw)
            order.check(entry.place)
            yield entry
    cutter.end()


class _Cutter:
    """Finds where each object ends, looking at every byte once."""

    def __init__(self, max_bytes: int) -> None:
        self.number = 1
        """Of the entry that is being cut."""
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._position = 0
        self._depth = 0
        self._in_string = False

    def cut(self, piece: bytes) -> Iterator[bytes]:
        self._buffer += piece
        while end := self._end():
            self._check_size(end)
            yield bytes(self._buffer[:end])
            del self._buffer[:end]
            self._position = 0
            self.number += 1
        self._check_size(len(self._buffer))

    def end(self) -> None:
        """Say that nothing follows."""
        if self._buffer:
            raise invalid(self._place(), "is cut: the export ends within it")
        if self.number == 1:
            raise invalid(Place(1), "is missing: the export is empty")

    def _end(self) -> int:
        """Say where the object ends that the buffer starts with; 0: not in what has come."""
        if not self._position and not self._starts():
            return 0
        while found := (_INSIDE if self._in_string else _OUTSIDE).search(
            self._buffer, self._position
        ):
            mark, self._position = found[0], found.end()
            if mark == b"\\":
                if self._position == len(self._buffer):  # what it escapes has not come
                    self._position -= 1
                    return 0
                self._position += 1
            elif mark == b'"':
                self._in_string = not self._in_string
            else:
                self._depth += 1 if mark == b"{" else -1
                if not self._depth:
                    return self._position
        self._position = len(self._buffer)
        return 0

    def _starts(self) -> bool:
        blank = len(self._buffer) - len(self._buffer.lstrip(_BLANK))
        del self._buffer[:blank]
        if self._buffer and not self._buffer.startswith(b"{"):
            raise invalid(Place(self.number), "is not a JSON object, as Agola 0.7 writes them")
        return bool(self._buffer)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise invalid(self._place(), f"is larger than {self._max_bytes} bytes")

    def _place(self) -> Place:
        return _named(self.number, self._buffer)


class _Order:
    """The order that the original keeps, and asks for itself when it imports."""

    def __init__(self) -> None:
        self._last = Place(0)
        self._types: set[str] = set()

    def check(self, place: Place) -> None:
        if place.data_type != self._last.data_type:
            if place.data_type in self._types:
                raise invalid(place, "stands apart from the others of its type")
            self._types.add(place.data_type)
        elif place.id <= self._last.id:
            raise invalid(place, f"does not come behind {self._last.id[:SHOWN_CHARACTERS]}")
        self._last = place


class _Document(msgspec.Struct, frozen=True):
    id: str = ""
    data_type: str = ""
    data: bytes = b""


_decoder = msgspec.json.Decoder(_Document)


def _decode(number: int, raw: bytes) -> Entry:
    try:
        document = _decoder.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise invalid(_named(number, raw), f"is not what Agola 0.7 writes: {error}") from error
    place = Place(number, document.data_type, document.id)
    for name in ("id", "data_type", "data"):
        if not getattr(document, name):
            raise invalid(place, f"has no {name}")
    return Entry(place, document.data)


def _named(number: int, raw: bytes | bytearray) -> Place:
    head = _HEAD.match(raw)
    if head is None:
        return Place(number)
    id_, data_type = (part.decode(errors="replace") for part in head.groups())
    return Place(number, data_type, id_)
