r"""How objects lie in a file: `{"type":…,"id":…,"size":…}\n`, then the bytes, then `\n`.

Bytes stay as they are, so that a file of JSON objects can be read by eye.  A deletion has no size
and no bytes.  Files are written wholly or not at all, hence there is no torn end to look for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from agola.datamanager.port import Action


class _Header(msgspec.Struct, frozen=True, omit_defaults=True):
    type: str
    id: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One object in a file, and where its bytes are."""

    action: Action
    offset: int


_decoder = msgspec.json.Decoder(_Header)


def append(file: bytearray, action: Action) -> int:
    """Write an action at the end of *file*.  Gives the offset of its bytes."""
    size = None if action.data is None else len(action.data)
    file += msgspec.json.encode(_Header(action.data_type, action.id, size))
    file += b"\n"
    offset = len(file)
    if action.data is not None:
        file += action.data
        file += b"\n"
    return offset


def parse(file: bytes, *, start: int = 0) -> Iterator[Record]:
    """Read the records of *file* from an offset on."""
    while start < len(file):
        offset = file.index(b"\n", start) + 1
        header = _decoder.decode(file[start : offset - 1])
        data = None if header.size is None else file[offset : offset + header.size]
        yield Record(Action(header.type, header.id, data), offset)
        start = offset if header.size is None else offset + header.size + 1
