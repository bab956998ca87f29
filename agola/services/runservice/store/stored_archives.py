"""Workspace archives in object storage.

`workspacearchives/<task>/data/<step>.tar` holds the bytes; `<step>.tar.sha256` beside it, written
last, says that they are complete: digest and size in hexadecimal.  An empty
`workspacearchives/<task>/runs/<run>` says that a run needs them.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

from agola.core.errors import InternalError, NotExistError, UnavailableError
from agola.model.archive import ArchiveChunk, ArchiveEnd, ArchiveEvent
from agola.model.log import MAX_CHUNK_BYTES
from agola.model.run_config import RunID, TaskID
from agola.services.runservice.store.storage_errors import storage_errors
from agola.storage.objects.port import ObjectStorage


class ObjectArchives:
    """`StoredArchives` in object storage."""

    def __init__(self, objects: ObjectStorage) -> None:
        self._objects = objects

    async def end(self, task_id: TaskID, step: int) -> ArchiveEnd | None:
        text = b""
        try:
            with storage_errors():
                async with aclosing(self._objects.read(_seal(task_id, step))) as pieces:
                    async for piece in pieces:
                        text += piece
        except NotExistError:
            return None
        digest, size = text.split()
        return ArchiveEnd(int(size, 16), bytes.fromhex(digest.decode()))

    async def read(
        self, task_id: TaskID, step: int, *, offset: int
    ) -> AsyncGenerator[ArchiveChunk, None]:
        position = offset
        with storage_errors():
            async with aclosing(self._objects.read(_path(task_id, step), offset=offset)) as pieces:
                async for piece in pieces:
                    for start in range(0, len(piece), MAX_CHUNK_BYTES):
                        yield ArchiveChunk(position + start, piece[start : start + MAX_CHUNK_BYTES])
                    position += len(piece)

    async def write(self, task_id: TaskID, step: int, events: AsyncIterable[ArchiveEvent]) -> None:
        check = _Check()
        await self._objects.write(_path(task_id, step), check.passing(events))
        seal = f"{check.end.sha256.hex()} {check.end.size:x}\n"
        await self._objects.write(_seal(task_id, step), seal.encode())

    async def own(self, task_id: TaskID, run_id: RunID) -> None:
        await self._objects.write(f"workspacearchives/{task_id}/runs/{run_id}", b"")


class _Check:
    """Passes on the bytes of an archive, and fails if they are not what its end says."""

    end: ArchiveEnd

    async def passing(self, events: AsyncIterable[ArchiveEvent]) -> AsyncGenerator[bytes, None]:
        digest, size = hashlib.sha256(), 0
        async for event in events:
            if isinstance(event, ArchiveChunk):
                digest.update(event.data)
                size += len(event.data)
                yield event.data
                continue
            if (size, digest.digest()) != (event.size, event.sha256):
                raise InternalError("the archive is not what was saved", reason="ARCHIVE_BROKEN")
            self.end = event
            return
        raise UnavailableError("the archive was cut", reason="STREAM_CUT")


def _path(task_id: TaskID, step: int) -> str:
    return f"workspacearchives/{task_id}/data/{step}.tar"


def _seal(task_id: TaskID, step: int) -> str:
    return f"{_path(task_id, step)}.sha256"
