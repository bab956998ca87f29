"""Files that appear wholly or not at all, and stay: what both drivers of files do to change them.

All of it blocks.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from agola.core.errors import PreconditionError
from agola.storage.objects.file_folder import make_folder, sync_folder

RENAME_TRIES = 16
"""A delete that removes an emptied directory may race with the write that needs it."""


class Writing:
    """Writes below *temporary* and renames into *data*, on the same file system."""

    def __init__(self, *, data: Path, temporary: Path) -> None:
        self._data = data
        self._temporary = temporary

    def prepare(self) -> None:
        """Make both directories, and remove what crashed writes left."""
        make_folder(self._data)
        make_folder(self._temporary)
        for leftover in self._temporary.iterdir():
            with (
                suppress(FileNotFoundError, BlockingIOError),  # a process is writing it right now
                leftover.open("rb") as file,
            ):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()

    def create(self, stack: ExitStack) -> IO[bytes]:
        """Open a file to write to, which *stack* removes unless it is published."""
        file = tempfile.NamedTemporaryFile(dir=self._temporary, delete=False)  # noqa: SIM115 (kept)
        stack.callback(_discard, file)
        fcntl.flock(file, fcntl.LOCK_SH)
        return file

    def write(self, target: Path, path: str, data: bytes) -> int:
        """Make *target*, the file of the object at *path*, hold *data*."""
        with ExitStack() as stack:
            file = self.create(stack)
            file.write(data)
            self.publish(file, target, path)
        return len(data)

    def publish(self, file: IO[bytes], target: Path, path: str) -> None:
        """Make the written file the object: its bytes and every directory above it are durable."""
        file.flush()
        os.fchmod(file.fileno(), 0o640)
        os.fsync(file.fileno())
        try:
            _rename(Path(file.name), target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise PreconditionError(
                f"{path} cannot be an object and a folder of objects",
                reason="OBJECT_PATH_CONFLICT",
                path=path,
            ) from error
        # another write may have made these directories and not have synced them yet: all of them
        for folder in self._folders(target):
            sync_folder(folder)

    def delete(self, file: Path) -> None:
        """Remove *file* and the directories that it leaves empty.  Absent ones are no error."""
        try:
            file.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        sync_folder(file.parent)
        with suppress(OSError):  # not empty, or somebody else was faster
            for folder in list(self._folders(file))[:-1]:
                folder.rmdir()

    def _folders(self, file: Path) -> Iterator[Path]:
        """Say the directories above *file*, innermost first, down to the one of all data."""
        folder = file.parent
        while folder != self._data:
            yield folder
            folder = folder.parent
        yield folder


def _discard(file: IO[bytes]) -> None:
    """Close *file* and remove it, if it is still where it was created."""
    try:
        file.close()  # may flush, thus fail when the disk is full
    except OSError:
        pass
    finally:
        Path(file.name).unlink(missing_ok=True)


def _rename(temporary: Path, target: Path) -> None:
    for attempt in range(1, RENAME_TRIES + 1):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.rename(target)
        except (FileNotFoundError, FileExistsError):
            if attempt == RENAME_TRIES:
                raise
        else:
            return
