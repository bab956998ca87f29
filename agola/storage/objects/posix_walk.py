"""Walking a directory tree in the order of whole paths."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agola.storage.objects.file_info import info_of
from agola.storage.objects.port import ObjectInfo


def walk(root: Path, prefix: str, *, after: str, recursive: bool) -> Iterator[ObjectInfo]:
    """Say the files below *root* whose path starts with *prefix* and sorts behind *after*.

    Reads only the directories that can hold such files.  What vanishes meanwhile is left out.
    """
    folder, _, _ = prefix.rpartition("/")
    return _walk(root, f"{folder}/" if folder else "", prefix, after, recursive=recursive)


def _walk(
    root: Path, folder: str, prefix: str, after: str, *, recursive: bool
) -> Iterator[ObjectInfo]:
    for path, entry in _entries(root, folder):
        if not path.startswith(prefix):
            continue
        if not path.endswith("/"):
            if path > after:
                with suppress(FileNotFoundError):
                    yield info_of(path, entry.stat())
        elif recursive and (path > after or after.startswith(path)):
            yield from _walk(root, path, prefix, after, recursive=True)


def _entries(root: Path, folder: str) -> list[tuple[str, "os.DirEntry[str]"]]:
    """Say what *folder* holds, directories with a `/` at the end.

    That is what their files' paths have there, so this order is the order of whole paths:
    `a.log` comes before `a/1`.
    """
    try:
        with os.scandir(root / folder) as entries:
            named = [(f"{folder}{e.name}{'/' if e.is_dir() else ''}", e) for e in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(named, key=lambda pair: pair[0])
