"""The bytes of an object, checked while they pass by."""

import asyncio
from collections.abc import AsyncGenerator
from hashlib import sha256

from agola.core.errors import OutOfRangeError
from agola.datamanager.errors import MalformedError

INLINE_BYTES = 32 * 1024
"""So much is hashed sooner than another thread could be asked to."""


class Digest:
    """A SHA-256 in the making, which does not hold up the event loop."""

    def __init__(self) -> None:
        self._hash = sha256()

    async def update(self, data: bytes) -> None:
        if len(data) <= INLINE_BYTES:
            self._hash.update(data)
        else:
            await asyncio.to_thread(self._hash.update, data)

    def hex(self) -> str:
        return self._hash.hexdigest()


def check_digest(raw: bytes, expected: str) -> None:
    """MalformedError unless *raw* has the digest; an empty one is not known."""
    if expected and sha256(raw).hexdigest() != expected:
        raise MalformedError("it does not have its digest")


class Content:
    """A stream of bytes, taken in pieces of known sizes."""

    def __init__(self, stream: AsyncGenerator[bytes, None]) -> None:
        self._stream = stream
        self._piece = b""
        self._taken = 0
        self._digest = Digest()

    async def take(self, size: int) -> bytes:
        """Take the next *size* bytes.  MalformedError when there are fewer."""
        parts = [self._cut(size)]
        missing = size - len(parts[0])
        while missing:
            await self._fetch()
            parts.append(self._cut(missing))
            missing -= len(parts[-1])
        return b"".join(parts)  # of a single one there is no copy

    async def end(self, digest: str) -> None:
        """MalformedError unless all is taken and it has the digest; an empty one is not known."""
        left = len(self._piece) - self._taken
        if left or await anext(self._stream, b"") != b"":
            raise MalformedError("it is too long")
        if digest and self._digest.hex() != digest:
            raise MalformedError("it does not have its digest")

    def _cut(self, size: int) -> bytes:
        part = self._piece[self._taken : self._taken + size]
        self._taken += len(part)
        return part

    async def _fetch(self) -> None:
        try:
            piece = await anext(self._stream, b"")
        except OutOfRangeError:  # it does not even reach to where we start
            piece = b""
        if not piece:
            raise MalformedError("it is too short")
        await self._digest.update(piece)
        self._piece, self._taken = piece, 0
