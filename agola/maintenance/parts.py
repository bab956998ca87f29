"""Records in parts that messages can carry, several small ones in a message."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import aclosing
from typing import TypeVar

from agola.core.errors import BadRequestError
from agola.datamanager.port import StoredObject
from agola.maintenance.codec import export_invalid
from agola.model.export import FILE, MAX_PART_BYTES, ExportRecord, ExportRecords

T = TypeVar("T")

MAX_OBJECT_BYTES = 64 * 1024**2
"""The largest record that is put together in memory; what services write is far below it."""

MESSAGE_BYTES = 64 * 1024
"""From how many bytes of data on a message is sent."""
MESSAGE_RECORDS = 512

BREATH_RECORDS = 20
"""After so many records, other work of the process has its turn."""


def object_parts(stored: StoredObject) -> Iterator[ExportRecord]:
    """Cut an object into parts."""
    data, digest = stored.data, hashlib.sha256(stored.data).digest()
    last = max(len(data) - 1, 0) // MAX_PART_BYTES * MAX_PART_BYTES
    for start in range(0, last + 1, MAX_PART_BYTES):
        piece = data[start : start + MAX_PART_BYTES]
        sha256 = digest if start == last else b""
        yield ExportRecord(stored.data_type, stored.id, start, piece, sha256)


async def file_parts(path: str, pieces: AsyncIterable[bytes]) -> AsyncGenerator[ExportRecord, None]:
    """Cut a file into parts, as it comes."""
    digest, offset, waiting = hashlib.sha256(), 0, b""
    async for piece in pieces:
        for start in range(0, len(piece), MAX_PART_BYTES):
            if waiting:
                yield ExportRecord(FILE, path, offset, waiting)
                offset += len(waiting)
            waiting = piece[start : start + MAX_PART_BYTES]
            digest.update(waiting)
    yield ExportRecord(FILE, path, offset, waiting, digest.digest())


async def breathing(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Give the items, and let other work have its turn now and then.  Closes *items*."""
    number = 0
    async with aclosing(items):
        async for item in items:
            number += 1
            if number % BREATH_RECORDS == 0:
                await asyncio.sleep(0)
            yield item


async def gathered(
    parts: AsyncIterable[ExportRecord],
) -> AsyncGenerator[ExportRecords, None]:
    """Put small parts together: what a message costs hardly depends on how much is in it."""
    waiting: list[ExportRecord] = []
    size = 0
    async for part in parts:
        if waiting and size + len(part.data) > MAX_PART_BYTES:
            yield ExportRecords(tuple(waiting))
            waiting, size = [], 0
        waiting.append(part)
        size += len(part.data)
        if size >= MESSAGE_BYTES or len(waiting) >= MESSAGE_RECORDS:
            yield ExportRecords(tuple(waiting))
            waiting, size = [], 0
    if waiting:
        yield ExportRecords(tuple(waiting))


async def content(
    first: ExportRecord, following: AsyncGenerator[ExportRecord, None]
) -> AsyncGenerator[bytes, None]:
    """Give the bytes of a record whose first part was read; take the others from *following*."""
    part = first
    yield part.data
    while not part.last:
        part = await anext(following)
        yield part.data


async def whole(first: ExportRecord, following: AsyncGenerator[ExportRecord, None]) -> StoredObject:
    """Put an object together.  BadRequestError: EXPORT_INVALID if it is too large."""
    if first.last:
        return StoredObject(first.type, first.id, first.data)
    data = bytearray()
    async with aclosing(content(first, following)) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > MAX_OBJECT_BYTES:
                raise _too_large(first)
    return StoredObject(first.type, first.id, bytes(data))


def _too_large(part: ExportRecord) -> BadRequestError:
    message = f"the record {part.type} {part.id!r} has more than {MAX_OBJECT_BYTES} bytes"
    return export_invalid(message, type=part.type, id=part.id)
