"""Objects as plain files, one for each, whatever a driver names them.

`<root>/data` holds the objects, `<root>/tmp` the writes under way; both are on one file system, so
that a rename makes an object appear wholly or not at all.
"""

import os
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import ExitStack
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Protocol

from agola.storage.objects.file_errors import changing, reading
from agola.storage.objects.file_info import info_of
from agola.storage.objects.file_writing import Writing
from agola.storage.objects.path import checked, checked_prefix, not_exist, past_end
from agola.storage.objects.pieces import batched
from agola.storage.objects.port import ObjectInfo
from agola.storage.objects.threads import Threads

PIECE_BYTES = 1 << 20
LIST_BATCH = 500


class Naming(Protocol):
    """Which file holds which object."""

    def file(self, path: str) -> str:
        """Say which file below the root holds the object at *path*, a valid one."""

    def walk(self, root: Path, prefix: str, *, after: str, recursive: bool) -> Iterator[ObjectInfo]:
        """Say the objects below *root* as `ObjectStorage.list` does.

        What vanishes meanwhile is left out.
        """


class FileObjectStorage:
    """`ObjectStorage` on a file system."""

    def __init__(self, root: Path, naming: Naming, threads: Threads) -> None:
        self._data = root / "data"
        self._naming = naming
        self._threads = threads
        self._writing = Writing(data=self._data, temporary=root / "tmp")

    async def prepare(self) -> None:
        """Make the directories and sweep the temporary one.  Once, before anything else."""
        with changing(""):
            await self._threads.run(self._writing.prepare)

    async def stat(self, path: str) -> ObjectInfo:
        file = self._file(path)
        with reading(path):
            return await self._threads.run(_describe, file, path)

    async def read(
        self, path: str, *, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        file = self._file(path)
        with reading(path), ExitStack() as stack:
            opened = await self._threads.run(_open, file, path, offset, stack)
            left = size
            while left is None or left > 0:
                wanted = PIECE_BYTES if left is None else min(left, PIECE_BYTES)
                piece = await self._threads.run(opened.read, wanted)
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece

    async def write(self, path: str, data: bytes | AsyncIterable[bytes]) -> int:
        target = self._file(path)
        if not isinstance(data, bytes):
            return await self._write_stream(target, path, data)
        with changing(path):
            return await self._threads.run(self._writing.write, target, path, data)

    async def delete(self, path: str) -> None:
        file = self._file(path)
        with changing(path):
            await self._threads.run(self._writing.delete, file)

    async def list(
        self, prefix: str = "", *, after: str = "", recursive: bool = True
    ) -> AsyncGenerator[ObjectInfo, None]:
        within = checked_prefix(prefix)
        found = self._naming.walk(self._data, within, after=after, recursive=recursive)
        with reading(prefix):
            while batch := await self._threads.run(_take, found):
                for info in batch:
                    yield info

    def _file(self, path: str) -> Path:
        return self._data / self._naming.file(checked(path))

    async def _write_stream(self, target: Path, path: str, data: AsyncIterable[bytes]) -> int:
        stack = ExitStack()
        size = 0
        try:
            with changing(path):
                file = await self._threads.run(self._writing.create, stack)
            async for pieces in batched(data, PIECE_BYTES):
                with changing(path):
                    size += await self._threads.run(file.write, pieces)
            with changing(path):
                await self._threads.run(self._writing.publish, file, target, path)
        finally:
            await self._threads.run(stack.close)
        return size


def _describe(file: Path, path: str) -> ObjectInfo:
    status = file.stat()
    if file.is_dir():
        raise not_exist(path)
    return info_of(path, status)


def _open(file: Path, path: str, offset: int, stack: ExitStack) -> FileIO:
    opened = stack.enter_context(FileIO(file))  # refuses directories
    size = os.fstat(opened.fileno()).st_size
    if offset > size:
        raise past_end(path, offset=offset, size=size)
    opened.seek(offset)
    return opened


def _take(found: Iterator[ObjectInfo]) -> list[ObjectInfo]:
    return list(islice(found, LIST_BATCH))
