"""Objects as plain files: readable with `ls` and `cat`, one file per object.

`<root>/data/<path>` holds the objects, `<root>/tmp` the writes under way; both are on one file
system, so that a rename makes an object appear wholly or not at all.
"""

import asyncio
import fcntl
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

from agola.core.errors import OutOfRangeError, PreconditionError
from agola.storage.objects.path import checked, checked_prefix, not_exist
from agola.storage.objects.port import ObjectInfo
from agola.storage.objects.posix_errors import changing, reading
from agola.storage.objects.posix_folder import make_folder, sync_folder
from agola.storage.objects.posix_walk import walk

PIECE_BYTES = 1 << 20
LIST_BATCH = 500
THREADS = 8
RENAME_TRIES = 16
"""A delete that removes an emptied directory may race with the write that needs it."""

P = ParamSpec("P")
T = TypeVar("T")


@asynccontextmanager
async def opening_posix(root: Path) -> AsyncGenerator["PosixObjectStorage", None]:
    """Open the objects below *root*, creating it; what crashed writes left there is removed."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="objects") as pool:
        storage = PosixObjectStorage(root, pool)
        await storage.prepare()
        yield storage


class PosixObjectStorage:
    """`ObjectStorage` on a file system."""

    def __init__(self, root: Path, pool: ThreadPoolExecutor) -> None:
        self._data = root / "data"
        self._temporary = root / "tmp"
        self._pool = pool

    async def prepare(self) -> None:
        """Make the directories and sweep the temporary one.  Once, before anything else."""
        with changing(""):
            await self._in_thread(self._prepare)

    async def stat(self, path: str) -> ObjectInfo:
        file = self._file(path)
        with reading(path):
            return await self._in_thread(_describe, file, path)

    async def read(
        self, path: str, *, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        file = self._file(path)
        with reading(path), ExitStack() as stack:
            opened = await self._in_thread(_open, file, path, offset, stack)
            left = size
            while left is None or left > 0:
                wanted = PIECE_BYTES if left is None else min(left, PIECE_BYTES)
                piece = await self._in_thread(opened.read, wanted)
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece

    async def write(self, path: str, data: bytes | AsyncIterable[bytes]) -> int:
        target = self._file(path)
        if not isinstance(data, bytes):
            return await self._write_stream(target, path, data)
        with changing(path):
            return await self._in_thread(self._write, target, path, data)

    async def delete(self, path: str) -> None:
        file = self._file(path)
        with changing(path):
            await self._in_thread(self._delete, file)

    async def list(
        self, prefix: str = "", *, after: str = "", recursive: bool = True
    ) -> AsyncGenerator[ObjectInfo, None]:
        found = walk(self._data, checked_prefix(prefix), after=after, recursive=recursive)
        with reading(prefix):
            while batch := await self._in_thread(_take, found):
                for info in batch:
                    yield info

    def _file(self, path: str) -> Path:
        return self._data / checked(path)

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do blocking work.  A cancelled caller waits for its end, so that files can be closed.

        What the work opens it enters into a stack of the caller: there it is when nobody gets the
        result.
        """
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, partial(work, *args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def _prepare(self) -> None:
        make_folder(self._data)
        make_folder(self._temporary)
        for leftover in self._temporary.iterdir():
            with (
                suppress(FileNotFoundError, BlockingIOError),  # a process is writing it right now
                leftover.open("rb") as file,
            ):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()

    def _create(self, stack: ExitStack) -> IO[bytes]:
        file = tempfile.NamedTemporaryFile(dir=self._temporary, delete=False)  # noqa: SIM115 (kept)
        stack.callback(_discard, file)
        fcntl.flock(file, fcntl.LOCK_SH)
        return file

    def _write(self, target: Path, path: str, data: bytes) -> int:
        with ExitStack() as stack:
            file = self._create(stack)
            file.write(data)
            self._publish(file, target, path)
        return len(data)

    async def _write_stream(self, target: Path, path: str, data: AsyncIterable[bytes]) -> int:
        stack = ExitStack()
        size = 0
        try:
            with changing(path):
                file = await self._in_thread(self._create, stack)
            async for pieces in _batched(data):
                with changing(path):
                    size += await self._in_thread(file.write, pieces)
            with changing(path):
                await self._in_thread(self._publish, file, target, path)
        finally:
            await self._in_thread(stack.close)
        return size

    def _publish(self, file: IO[bytes], target: Path, path: str) -> None:
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

    def _delete(self, file: Path) -> None:
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


async def _batched(data: AsyncIterable[bytes]) -> AsyncGenerator[bytearray, None]:
    """Gather small pieces: a hop to a thread costs more than copying them."""
    batch = bytearray()
    async for piece in data:
        batch += piece
        if len(batch) >= PIECE_BYTES:
            yield batch
            batch = bytearray()
    if batch:
        yield batch


def _describe(file: Path, path: str) -> ObjectInfo:
    status = file.stat()
    if file.is_dir():
        raise not_exist(path)
    modify_time = datetime.fromtimestamp(status.st_mtime, UTC)
    return ObjectInfo(path=path, size=status.st_size, modify_time=modify_time)


def _open(file: Path, path: str, offset: int, stack: ExitStack) -> FileIO:
    opened = stack.enter_context(FileIO(file))  # refuses directories
    size = os.fstat(opened.fileno()).st_size
    if offset > size:
        raise OutOfRangeError(
            f"offset {offset} is past the end of {path}, {size} bytes",
            reason="OFFSET_PAST_END",
            path=path,
            offset=str(offset),
            size=str(size),
        )
    opened.seek(offset)
    return opened


def _take(found: Iterator[ObjectInfo]) -> list[ObjectInfo]:
    return list(islice(found, LIST_BATCH))


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
