"""Objects under their own names: readable with `ls` and `cat`."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from agola.storage.objects.file_storage import FileObjectStorage
from agola.storage.objects.port import ObjectInfo
from agola.storage.objects.posix_walk import walk
from agola.storage.objects.threads import threads

THREADS = 8


@asynccontextmanager
async def opening_posix(root: Path) -> AsyncGenerator[FileObjectStorage, None]:
    """Open the objects below *root*, creating it; what crashed writes left there is removed."""
    with threads(THREADS) as own:
        storage = FileObjectStorage(root, _Hierarchy(), own)
        await storage.prepare()
        yield storage


class _Hierarchy:
    """A file is named as its object is: no path is an object and a folder."""

    def file(self, path: str) -> str:
        return path

    def walk(self, root: Path, prefix: str, *, after: str, recursive: bool) -> Iterator[ObjectInfo]:
        return walk(root, prefix, after=after, recursive=recursive)
