r"""How objects lie in a file: `{"type":…,"id":…,"size":…,"crc":…}\n`, then the bytes, then `\n`.

Bytes stay as they are, so that a file of JSON objects can be read by eye.  A deletion has no size
and no bytes.  `crc` is the CRC-32 of the bytes; what was written long ago has none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import msgspec

from agola.datamanager.errors import MalformedError
from agola.datamanager.port import Action


class _Header(msgspec.Struct, frozen=True, omit_defaults=True):
    type: str
    id: str
    size: int | None = None
    crc: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One object in a file, and where it is: its header, its bytes, and what comes behind."""

    action: Action
    start: int
    offset: int
    end: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Header).decode


def encode(action: Action) -> bytes:
    """Make the record of an action."""
    data = action.data
    if data is None:
        return _encode(_Header(action.data_type, action.id)) + b"\n"
    header = _encode(_Header(action.data_type, action.id, len(data), crc32(data)))
    return b"%b\n%b\n" % (header, data)


def append(file: bytearray, action: Action) -> None:
    """Write an action at the end of *file*."""
    file += encode(action)


def parse(file: bytes, *, start: int = 0) -> Iterator[Record]:
    """Read the records of *file* from an offset on.

    MalformedError, or msgspec's DecodeError, at the first that is not what was written.
    """
    while start < len(file):
        offset = file.find(b"\n", start) + 1
        if not offset:
            raise MalformedError("a record is cut off")
        header = _decode(file[start : offset - 1])
        end = offset if header.size is None else offset + header.size + 1
        data = None if header.size is None else _data(file, offset, end - 1, header.crc)
        yield Record(Action(header.type, header.id, data), start, offset, end)
        start = end


def _data(file: bytes, start: int, end: int, crc: int | None) -> bytes:
    if file[end : end + 1] != b"\n":
        raise MalformedError("a record is cut off")
    data = file[start:end]
    if crc is not None and crc32(data) != crc:
        raise MalformedError("an object does not have its checksum")
    return data
