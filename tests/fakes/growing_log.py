"""A log that grows while it is read, as an executor keeps one."""

import asyncio
from collections.abc import AsyncGenerator

from agola.core.errors import AgolaError, OutOfRangeError, UnavailableError
from agola.model.log import MAX_CHUNK_BYTES, LogChunk, LogEnd, LogEvent


class GrowingLog:
    """Bytes in memory, an end, and how often they are read.  Streams of it can be broken."""

    def __init__(
        self, data: bytes = b"", *, ended: bool = False, chunk: int = MAX_CHUNK_BYTES
    ) -> None:
        self.data = bytearray(data)
        self.ended = ended
        self.chunk = chunk
        self.opened: list[int] = []
        """The offset of each stream that was ever opened."""
        self.open = 0
        """How many streams are open now."""
        self._news = asyncio.Condition()
        self._failures: list[AgolaError] = []

    async def write(self, data: bytes) -> None:
        self.data += data
        await self._tell()

    async def end(self) -> None:
        self.ended = True
        await self._tell()

    async def fail(self, error: AgolaError) -> None:
        """End the streams that are open now with *error*."""
        self._failures.append(error)
        await self._tell()

    async def cut(self) -> None:
        await self.fail(UnavailableError("cut", reason="UNREACHABLE"))

    async def until_open(self, count: int) -> None:
        """Wait until this many streams are open."""
        async with self._news:
            await self._news.wait_for(lambda: self.open == count)

    async def until_opened(self, count: int) -> None:
        """Wait until this many streams were opened, ever."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.opened) == count)

    async def until_written(self, size: int) -> None:
        """Wait until the log has at least this many bytes."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.data) >= size)

    async def stream(self, offset: int) -> AsyncGenerator[LogEvent | None, None]:
        """Read from *offset* to the end, however long it takes."""
        position, failures = offset, len(self._failures)
        self.opened.append(offset)
        self.open += 1
        await self._tell()
        try:
            if offset > len(self.data):
                raise OutOfRangeError("too far", reason="OFFSET_PAST_END", offset=str(offset))
            while True:
                if len(self._failures) > failures:
                    raise self._failures[failures]
                if position < len(self.data):
                    data = bytes(self.data[position : position + self.chunk])
                    yield LogChunk(position, data)
                    position += len(data)
                elif self.ended:
                    yield LogEnd(position)
                    return
                else:
                    async with self._news:
                        await self._news.wait()
        finally:
            self.open -= 1
            await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()
