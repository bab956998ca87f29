"""Run definitions on this disk: finding them, and reading them as the server would."""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from agola.core.errors import NotExistError, PreconditionError
from agola.runconfig import FILE_NAMES, Context, Parsed
from agola.runconfig.evaluation import evaluate, is_program, parsed
from agola.runconfig.trial import MAX_FILES, MAX_FILES_BYTES

FOLDER = ".agola"


class Read(Struct, frozen=True, kw_only=True):
    """A definition, what it says, and the text that lines and columns are about."""

    path: Path
    parsed: Parsed
    text: str

    @property
    def shown(self) -> str:
        """What lines and columns are about: the definition, what it imports, or what it gives."""
        _, found, name = self.parsed.name.partition(f"{FOLDER}/")
        return str(self.path.parent / name if found else self.path)


def read(path: Path, context: Context) -> Read:
    """Read a definition; of a directory, its own.

    NotExistError: CONFIG_DOES_NOT_EXIST.  PreconditionError: CONFIG_UNREADABLE, CONFIG_TOO_LARGE.
    """
    found = _found(path)
    files = {f"{FOLDER}/{name}": data for name, data in _files(found)}
    return asyncio.run(_read(found, files, context))


async def _read(path: Path, files: dict[str, bytes], context: Context) -> Read:
    evaluated = await evaluate(files, f"{FOLDER}/{path.name}", context)
    told = await parsed(evaluated)
    text = evaluated.text if evaluated.generated else files.get(told.name, b"")
    return Read(path=path, parsed=told, text=text.decode("utf-8-sig", errors="replace"))


def _found(path: Path) -> Path:
    is_directory = os.path.isdir(path)  # noqa: PTH112 (what cannot be looked at is none)
    for candidate in [path / name for name in FILE_NAMES] if is_directory else [path]:
        if _is_there(candidate):
            return candidate
    looked = f"has no {FOLDER}/config.*" if is_directory else "does not exist"
    raise NotExistError(f"{path} {looked}", reason="CONFIG_DOES_NOT_EXIST", path=str(path))


def _is_there(path: Path) -> bool:
    """Say whether there is a file.  PreconditionError (CONFIG_UNREADABLE): it is something else."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return True
        why = "it is no regular file"
    except (FileNotFoundError, NotADirectoryError):
        if not path.is_symlink():
            return False
        why = "it is a link to what does not exist"
    except OSError as error:
        why = error.strerror or str(error)
    message = f"{path} cannot be read: {why}"
    raise PreconditionError(message, reason="CONFIG_UNREADABLE", path=str(path), why=why)


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Give a definition, and what it may import: that is what lies in `.agola` with it."""
    yield path.name, path.read_bytes()
    if not is_program(path.name) or path.absolute().parent.name != FOLDER:
        return
    size = count = 0
    for other in sorted(path.parent.rglob("*")):
        if other == path or other.is_symlink() or not other.is_file():
            continue
        size, count = size + other.stat().st_size, count + 1
        if size > MAX_FILES_BYTES or count >= MAX_FILES:
            message = (
                f"{path.parent} has more than {MAX_FILES} files or {MAX_FILES_BYTES >> 20} MiB"
            )
            raise PreconditionError(message, reason="CONFIG_TOO_LARGE", path=str(path.parent))
        yield other.relative_to(path.parent).as_posix(), other.read_bytes()
