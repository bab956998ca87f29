"""Keys that Agola makes and keeps, in a directory that all processes on the data share."""

import asyncio
import base64
import fcntl
import os
import secrets
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agola.core.errors import InternalError
from agola.core.keyring import KEY_BYTES, Key
from agola.storage.keyring.material import key_in_file, unreadable

SUFFIX = ".key"
UNFINISHED = ".new"


class KeyDirectory:
    """One file for each key, `k<number>-<random>.key`: the highest number is the current one.

    Files are never overwritten.  Every answer looks at the names that are there, which takes
    microseconds: so all processes change to a new key at once, without anything between them.
    """

    managed = True

    def __init__(self, path: Path) -> None:
        """Read what is there.  InternalError: `ENCRYPTION_KEY_UNREADABLE`."""
        self._path = path
        self._names: list[str] = []
        self._keys: dict[str, Key] = {}
        self._look()

    def current(self) -> Key:
        self._look()
        if not self._keys:
            message = f"there is no encryption key in {self._path}"
            raise InternalError(message, reason="ENCRYPTION_KEY_MISSING", directory=str(self._path))
        return self._keys[max(self._keys, key=_order)]

    def find(self, key_id: str) -> Key | None:
        self._look()
        return self._keys.get(key_id)

    def ids(self) -> Sequence[str]:
        self._look()
        return tuple(self._keys)

    def where(self) -> str:
        return f"as the file <key id>{SUFFIX} in {self._path}, from a backup"

    async def make(self, *, instead_of: str) -> Key:
        return await asyncio.to_thread(self._make, instead_of)

    async def remove(self, key_id: str) -> None:
        await asyncio.to_thread(self._remove, key_id)

    def _look(self) -> None:
        """Read the keys anew if others are there than before."""
        try:
            names = os.listdir(self._path)  # noqa: PTH208 (often; a third of the time)
        except FileNotFoundError:
            names = []
        except OSError as error:
            raise unreadable(str(self._path), error.strerror or str(error)) from error
        if names != self._names:
            ids = [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]
            self._keys = {each: self._keys.get(each) or self._read(each) for each in ids}
            self._names = names

    def _read(self, key_id: str) -> Key:
        return key_in_file(key_id, self._file(key_id))

    def _make(self, instead_of: str) -> Key:
        with self._locked():
            present = self.current() if self.ids() else None
            if present is not None and present.id != instead_of:
                return present
            for left in self._path.glob(f"*{UNFINISHED}"):  # by a crash; nobody ever used it
                left.unlink()
            number = _order(present.id)[0] + 1 if present else 1
            key_id = f"k{number}-{secrets.token_hex(4)}"
            self._write(self._file(key_id), base64.b64encode(secrets.token_bytes(KEY_BYTES)))
            return self.current()

    def _write(self, path: Path, material: bytes) -> None:
        """Write a key whole and durably, or not at all."""
        fresh = path.with_suffix(UNFINISHED)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
                file.write(material + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(fresh, path)  # unlike a rename, it overwrites nothing
            fresh.unlink()
            _sync(self._path)
            _sync(self._path.parent)
        except OSError as error:
            raise self._unwritable(error) from error

    def _remove(self, key_id: str) -> None:
        with self._locked():
            self._file(key_id).unlink(missing_ok=True)
            _sync(self._path)

    @contextmanager
    def _locked(self) -> Generator[None, None, None]:
        """Let one process at a time change the directory."""
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _unwritable(self, error: OSError) -> InternalError:
        why = error.strerror or str(error)
        message = f"cannot write an encryption key into {self._path}: {why}"
        return InternalError(
            message, reason="ENCRYPTION_KEY_UNWRITABLE", directory=str(self._path), why=why
        )

    def _file(self, key_id: str) -> Path:
        return self._path / f"{key_id}{SUFFIX}"


def _order(key_id: str) -> tuple[int, str]:
    """Sort keys by number.  What somebody put there under another name is never the newest."""
    number = key_id.removeprefix("k").partition("-")[0]
    return (int(number) if number.isdecimal() else 0, key_id)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
