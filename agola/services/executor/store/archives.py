"""Workspace archives as files.  They may be large and cold: a thread reads them."""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from agola.core.errors import ExhaustedError, InternalError
from agola.model.archive import ArchiveChunk, ArchiveEnd, ArchiveEvent
from agola.model.log import MAX_CHUNK_BYTES
from agola.model.run_config import TaskID
from agola.services.executor.store.durable import write_durably


class DiskArchives:
    """The archives of all tasks."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def draft(self, task_id: TaskID, step: int) -> Path:
        return self._prepared(self._path(task_id, step))

    async def seal(self, task_id: TaskID, step: int) -> ArchiveEnd:
        try:
            return await asyncio.to_thread(_seal, self._path(task_id, step))
        except OSError as error:
            message = f"cannot keep the archive: {error.strerror}"
            raise ExhaustedError(message, reason="ARCHIVE_WRITE_FAILED") from error

    async def end(self, task_id: TaskID, step: int) -> ArchiveEnd | None:
        path = self._path(task_id, step).with_suffix(".json")
        try:
            return msgspec.json.decode(path.read_bytes(), type=ArchiveEnd)
        except FileNotFoundError:
            return None

    async def read(
        self, task_id: TaskID, step: int, *, offset: int
    ) -> AsyncGenerator[ArchiveEvent, None]:
        try:
            descriptor = os.open(self._path(task_id, step), os.O_RDONLY | os.O_CLOEXEC)
            try:
                while data := await asyncio.to_thread(
                    os.pread, descriptor, MAX_CHUNK_BYTES, offset
                ):
                    yield ArchiveChunk(offset, data)
                    offset += len(data)
            finally:
                os.close(descriptor)
        except OSError as error:
            message = f"cannot read the archive: {error.strerror}"
            raise InternalError(message, reason="ARCHIVE_READ_FAILED") from error
        if (end := await self.end(task_id, step)) is not None:
            yield end

    def incoming(self, task_id: TaskID, index: int) -> Path:
        return self._prepared(self._root / task_id / "incoming" / f"{index}.tar")

    def _path(self, task_id: TaskID, step: int) -> Path:
        return self._root / task_id / "archives" / f"{step}.tar"

    def _prepared(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path


def _seal(path: Path) -> ArchiveEnd:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        end = ArchiveEnd(size=os.fstat(file.fileno()).st_size, sha256=digest)
        os.fsync(file.fileno())
    write_durably(path.with_suffix(".json"), msgspec.json.encode(end))
    return end
