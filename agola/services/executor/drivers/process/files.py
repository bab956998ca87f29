"""Files of a pod that are files of this machine.  Everything here blocks: call it in a thread.

Links are never followed on the way to a file, so no member of an archive leaves its directory.
"""

import contextlib
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from agola.core.errors import PreconditionError
from agola.services.executor.ports.driver import FileEntry, FileKind, Member

MODE_BITS = 0o777
DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def find(directory: Path) -> list[FileEntry]:
    """List what is below *directory*, sorted by path."""
    if not directory.is_dir():
        message = f"the directory {directory} does not exist"
        raise PreconditionError(message, reason="DIRECTORY_DOES_NOT_EXIST", path=str(directory))
    return sorted(_walk(directory, ""), key=lambda entry: entry.path)


def _walk(directory: Path, prefix: str) -> Iterator[FileEntry]:
    with os.scandir(directory) as entries:
        for entry in entries:
            path = prefix + entry.name
            if entry.is_symlink():
                yield FileEntry(path, FileKind.SYMLINK)
            elif entry.is_dir():
                yield FileEntry(path, FileKind.DIRECTORY)
                yield from _walk(directory / entry.name, f"{path}/")
            elif entry.is_file():
                yield FileEntry(path, FileKind.FILE)


def pack(members: Sequence[Member], archive: Path) -> None:
    """Write a tar file in PAX format, owned by nobody in particular."""
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            _pack_one(tar, member)


def _pack_one(tar: tarfile.TarFile, member: Member) -> None:
    with contextlib.ExitStack() as stack:
        try:
            info = _describe(member)
            file = None
            if info.isreg():
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                file = stack.enter_context(os.fdopen(os.open(member.source, flags), "rb"))
                info.size = os.fstat(file.fileno()).st_size
        except OSError as error:
            message = f"cannot read {member.source}: {error.strerror}"
            raise PreconditionError(
                message, reason="FILE_UNREADABLE", path=member.source
            ) from error
        tar.addfile(info, file)


def _describe(member: Member) -> tarfile.TarInfo:
    found = os.lstat(member.source)
    info = tarfile.TarInfo(member.name)
    info.mode = found.st_mode & MODE_BITS
    info.mtime = int(found.st_mtime)
    if stat.S_ISLNK(found.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(member.source)  # noqa: PTH115
    elif stat.S_ISDIR(found.st_mode):
        info.type = tarfile.DIRTYPE
    return info


def unpack(archive: Path, directory: Path) -> None:
    """Put the members of a tar file below *directory*."""
    directory.mkdir(parents=True, exist_ok=True)
    root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with tarfile.open(archive, "r:") as tar:
            for info in tar:
                _unpack_one(tar, info, root)
    finally:
        os.close(root)


def _unpack_one(tar: tarfile.TarFile, info: tarfile.TarInfo, root: int) -> None:
    parts = _safe_parts(info.name)
    try:
        with _inside(root, parts[:-1]) as parent:
            _create(tar, info, parts[-1], parent)
    except FileExistsError as error:
        message = f"{info.name} exists already, and is not overwritten"
        raise PreconditionError(message, reason="FILE_EXISTS", path=info.name) from error
    except NotADirectoryError as error:
        message = f"{info.name} would be written through something that is no directory"
        raise PreconditionError(message, reason="ARCHIVE_REFUSED", path=info.name) from error


def _safe_parts(name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        message = f"the archive holds {name!r}, which leads outside of it"
        raise PreconditionError(message, reason="ARCHIVE_REFUSED", path=name)
    return parts


@contextlib.contextmanager
def _inside(root: int, parts: Sequence[str]) -> Iterator[int]:
    """Open a directory below *root*, made where it is missing."""
    current = os.dup(root)
    try:
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=current)
            below = os.open(part, DIRECTORY_FLAGS, dir_fd=current)
            os.close(current)
            current = below
        yield current
    finally:
        os.close(current)


def _create(tar: tarfile.TarFile, info: tarfile.TarInfo, name: str, parent: int) -> None:
    if info.isdir():
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=parent)
        descriptor = os.open(name, DIRECTORY_FLAGS, dir_fd=parent)
        try:
            os.fchmod(descriptor, info.mode & MODE_BITS)
        finally:
            os.close(descriptor)
    elif info.issym():
        os.symlink(info.linkname, name, dir_fd=parent)
    elif info.isreg() and (content := tar.extractfile(info)) is not None:
        descriptor = os.open(name, FILE_FLAGS, 0o600, dir_fd=parent)
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(content, file)
            os.fchmod(descriptor, info.mode & MODE_BITS)
        os.utime(name, (info.mtime, info.mtime), dir_fd=parent, follow_symlinks=False)
    else:
        message = f"the archive holds {info.name!r}, which is no file, directory or link"
        raise PreconditionError(message, reason="ARCHIVE_REFUSED", path=info.name)


def delete_tree(directory: Path) -> None:
    """Delete a directory with all that is in it, even where it forbids to."""
    if not directory.exists():
        return
    for folder, _, _ in os.walk(directory):
        with contextlib.suppress(OSError):
            os.chmod(folder, 0o700)  # noqa: PTH101 (many, and only the name is at hand)
    shutil.rmtree(directory, ignore_errors=True)
