"""Reading commits and files with `git cat-file`."""

import re
from pathlib import Path
from typing import NamedTuple

from agola.core.errors import AgolaError, ExhaustedError, NotExistError, PreconditionError
from agola.model.repository import Commit, RepositoryPath
from agola.services.gitserver.store.commit import commit_from_object
from agola.services.gitserver.store.git import PIPE_BYTES, Git, Running, failed
from agola.services.gitserver.store.repositories import DiskRepositories

MAX_COMMIT_BYTES = 1024**2
"""A longer message is cut off here."""
SUBMODULE_MODE = b"160000"

_FOUND = re.compile(rb"([0-9a-f]{40,64}) (blob|tree|commit|tag) (\d+)\n")


class GitObject(NamedTuple):
    """An object as git stores it."""

    sha: str
    kind: str
    size: int
    data: bytes
    """The beginning, where it is larger than what was asked for."""


class GitReader:
    """`Reader` by one short git process per question."""

    def __init__(self, git: Git, repositories: DiskRepositories) -> None:
        self._git = git
        self._repositories = repositories

    async def commit(self, path: RepositoryPath, revision: str) -> Commit | None:
        [found] = await self._read(path, {f"{revision}^{{commit}}": MAX_COMMIT_BYTES})
        return commit_from_object(found.sha, found.data) if found else None

    async def file(
        self, path: RepositoryPath, *, commit_sha: str, file: str, max_bytes: int
    ) -> bytes:
        limits = {f"{commit_sha}^{{commit}}": MAX_COMMIT_BYTES, f"{commit_sha}:{file}": max_bytes}
        commit, blob = await self._read(path, limits)
        if commit is None or commit.sha != commit_sha:
            message = f"commit {commit_sha} doesn't exist"
            raise NotExistError(message, reason="COMMIT_DOES_NOT_EXIST", sha=commit_sha)
        if blob is None:
            raise await self._why_absent(path, commit_sha, file)
        if blob.kind != "blob":
            raise _not_regular(file)
        if blob.size > max_bytes:
            message = f"{file} has {blob.size} bytes, more than {max_bytes}"
            raise ExhaustedError(
                message,
                reason="FILE_TOO_LARGE",
                file=file,
                size=str(blob.size),
                maxBytes=str(max_bytes),
            )
        return blob.data

    async def _read(self, path: RepositoryPath, limits: dict[str, int]) -> list[GitObject | None]:
        """Read what the names stand for; of what is larger than its limit only the beginning."""
        async with self._git.running(*self._in(path), "cat-file", *_BATCH) as running:
            found = []
            for name, max_bytes in limits.items():
                running.stdin.write(f"{name}\n".encode())
                found.append(await _next_object(running, max_bytes))
            return found

    async def _why_absent(self, path: RepositoryPath, commit_sha: str, file: str) -> AgolaError:
        """Tell a submodule, whose commit is elsewhere, from nothing at all."""
        listing = await self._git.output(
            "--literal-pathspecs", *self._in(path), "ls-tree", "-z", commit_sha, "--", file
        )
        if listing.startswith(SUBMODULE_MODE):
            return _not_regular(file)
        message = f"{file} doesn't exist in commit {commit_sha}"
        return NotExistError(message, reason="FILE_DOES_NOT_EXIST", file=file, sha=commit_sha)

    def _in(self, path: RepositoryPath) -> tuple[str, Path]:
        return "--git-dir", self._repositories.folder(path)


_BATCH = ("--batch", "--follow-symlinks")


async def _next_object(running: Running, max_bytes: int) -> GitObject | None:
    line = await running.stdout.readline()
    if not line:
        raise failed(await running.complaints())
    header = _FOUND.fullmatch(line)
    if header is None:
        return None
    sha, kind, size = header[1].decode(), header[2].decode(), int(header[3])
    data = await running.stdout.readexactly(min(size, max_bytes))
    left = size - len(data) + 1  # a line feed follows
    while left:
        left -= len(await running.stdout.read(min(left, PIPE_BYTES)))
    return GitObject(sha, kind, size, data)


def _not_regular(file: str) -> PreconditionError:
    return PreconditionError(
        f"{file} is a directory or a submodule", reason="FILE_IS_NOT_REGULAR", file=file
    )
