"""Objects in one flat namespace on a file system, as S3 has it: `a` and `a/b` are two objects.

A path becomes the name of a file by writing `%2F` for `/` and `%25` for `%`.  What a name cannot
hold goes on in a directory: each `CHUNK_CHARACTERS` of a longer path are one whose name ends with
`%`, which no other name does.  So no name has more than 129 bytes, and segments of any length are
fine.

Chunks are counted in characters of the path because then all paths in a directory come one after
the other in the order of whole paths: those that are not in it are shorter, or differ from it.
"""

import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

from agola.storage.objects.file_info import info_of
from agola.storage.objects.file_storage import FileObjectStorage
from agola.storage.objects.port import ObjectInfo
from agola.storage.objects.threads import threads

THREADS = 8
CHUNK_CHARACTERS = 32
"""Each is at most four bytes in a name.  With many, all files are in one directory; with few, a
write has many directories to sync."""

_Found = tuple[str, "os.DirEntry[str]"]


@asynccontextmanager
async def opening_posixflat(root: Path) -> AsyncGenerator[FileObjectStorage, None]:
    """Open the objects below *root*, creating it; what crashed writes left there is removed."""
    with threads(THREADS) as own:
        storage = FileObjectStorage(root, _Flat(), own)
        await storage.prepare()
        yield storage


class _Flat:
    """Names as this module says."""

    def file(self, path: str) -> str:
        starts = range(0, len(path), CHUNK_CHARACTERS)
        return "%/".join(_escaped(path[start : start + CHUNK_CHARACTERS]) for start in starts)

    def walk(self, root: Path, prefix: str, *, after: str, recursive: bool) -> Iterator[ObjectInfo]:
        for path, entry in _files(root, "", prefix, after):
            if path > after and (recursive or "/" not in path.removeprefix(prefix)):
                with suppress(FileNotFoundError):
                    yield info_of(path, entry.stat())


def _files(folder: Path, start: str, prefix: str, after: str) -> Iterator[_Found]:
    """Say the files below *folder*, whose paths begin with *start*, that *prefix* allows."""
    for path, entry in _entries(folder, start):
        if not entry.name.endswith("%"):
            if path.startswith(prefix):
                yield path, entry
        elif (path.startswith(prefix) or prefix.startswith(path)) and (
            path > after or after.startswith(path)
        ):
            yield from _files(folder / entry.name, path, prefix, after)


def _entries(folder: Path, start: str) -> list[_Found]:
    """Say what *folder* holds in the order of paths: an object before those it is the start of."""
    try:
        with os.scandir(folder) as entries:
            named = [(start + unquote(entry.name.removesuffix("%")), entry) for entry in entries]
    except FileNotFoundError:
        return []
    return sorted(named, key=lambda pair: (pair[0], pair[1].name.endswith("%")))


def _escaped(chunk: str) -> str:
    if chunk in {".", ".."}:  # what remained of a longer path
        return chunk.replace(".", "%2E")
    return chunk.replace("%", "%25").replace("/", "%2F")
