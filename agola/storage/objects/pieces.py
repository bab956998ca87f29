"""Streams in pieces of a better size."""

from collections.abc import AsyncGenerator, AsyncIterable


async def batched(data: AsyncIterable[bytes], size: int) -> AsyncGenerator[bytearray, None]:
    """Gather small pieces until they are *size* bytes or more; the last batch may be less.

    A hop to a thread, or a request, costs more than copying them.
    """
    batch = bytearray()
    async for piece in data:
        batch += piece
        if len(batch) >= size:
            yield batch
            batch = bytearray()
    if batch:
        yield batch
