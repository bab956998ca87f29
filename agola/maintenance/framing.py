r"""How exports lie in a file, so that a program in any language can read them.

The line `agola export 1\n`, then messages of agola.common.v1.ExportEvent, each behind its length
in bytes as a varint: the "delimited" form of Protocol Buffers.  One export comes after the other.
An empty message ends them.  Behind it is the line `sha256 <digest>\n`, with the SHA-256 digest of
all bytes before this line in hexadecimal.
"""

import hashlib
from collections.abc import Generator

from agola.core.errors import BadRequestError
from agola.maintenance.codec import export_invalid

MAGIC = b"agola export 1\n"
LEGACY = b"{"
"""What the exports of Agola 0.7 begin with."""

MAX_MESSAGE_BYTES = 4 * 1024**2
MAX_LENGTH_BYTES = 4
"""How many bytes a length has at most."""

_END = b"\0"
_MORE = 0x80
_SEVEN = 0x7F


class Framing:
    """Makes the bytes of a file: the beginning, messages, the end."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def begin(self) -> bytes:
        return self._hashed(MAGIC)

    def message(self, message: bytes) -> bytes:
        """Put the length of a message before it."""
        length, rest = bytearray(), len(message)
        while rest > _SEVEN:
            length.append(rest & _SEVEN | _MORE)
            rest >>= 7
        length.append(rest)
        return self._hashed(bytes(length) + message)

    def end(self) -> bytes:
        return self._hashed(_END) + _seal(self._digest.hexdigest())

    def _hashed(self, data: bytes) -> bytes:
        self._digest.update(data)
        return data


class Unframing:
    """Takes the bytes of a file as they come, and gives its messages.

    BadRequestError: EXPORT_INVALID, with the place in the file.
    """

    def __init__(self) -> None:
        self._rest = bytearray(b"")
        self._place = 0
        """Of the first byte of the rest."""
        self._digest = hashlib.sha256()
        self._ended = False

    def feed(self, data: bytes) -> Generator[bytes, None, None]:
        """Give the messages that are complete with *data*; to be read to the end."""
        self._rest += data
        if not self._place:
            if not MAGIC.startswith(self._rest[: len(MAGIC)]):
                raise export_invalid("this is no file that `agola admin export` made")
            if len(self._rest) < len(MAGIC):
                return
            self._pass(len(MAGIC))
        start = 0
        while not self._ended and (found := self._length(start)) is not None:
            first, size = found
            if len(self._rest) < first + size:
                break
            start = first + size
            if size:
                yield bytes(memoryview(self._rest)[first:start])
            self._ended = not size
        self._pass(start)

    def end(self) -> None:
        """Say that the file ends here."""
        if not self._ended:
            place = self._place + len(self._rest)
            message = f"the file was cut: it has no end, behind {place} bytes"
            raise export_invalid(message, place=str(place))
        if self._rest != _seal(self._digest.hexdigest()):
            raise export_invalid("the file is damaged: its digest at the end is another one")

    def _pass(self, size: int) -> None:
        with memoryview(self._rest) as rest:
            self._digest.update(rest[:size])
        del self._rest[:size]
        self._place += size

    def _length(self, start: int) -> tuple[int, int] | None:
        """Say where the next message begins, and how long it is; None: too few bytes are there."""
        size = 0
        for number, byte in enumerate(self._rest[start : start + MAX_LENGTH_BYTES]):
            size |= (byte & _SEVEN) << (7 * number)
            if byte & _MORE:
                continue
            if size > MAX_MESSAGE_BYTES:
                raise self._damaged(start)
            return start + number + 1, size
        if len(self._rest) - start >= MAX_LENGTH_BYTES:
            raise self._damaged(start)
        return None

    def _damaged(self, start: int) -> BadRequestError:
        place = self._place + start
        return export_invalid(f"the file is damaged at byte {place}", place=str(place))


def _seal(digest: str) -> bytes:
    return f"sha256 {digest}\n".encode()
