"""Reading commits and files with `git cat-file`."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

from agola.core.errors import AgolaError, ExhaustedError, NotExistError, PreconditionError
from agola.model.repository import Commit, CommittedFile, RepositoryPath
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


Ask: TypeAlias = Callable[[str, int], Awaitable[GitObject | None]]
"""Reads what a name stands for; of what is larger than so many bytes only the beginning."""


class GitReader:
    """`Reader` by one short git process per question."""

    def __init__(self, git: Git, repositories: DiskRepositories) -> None:
        self._git = git
        self._repositories = repositories

    async def commit(self, path: RepositoryPath, revision: str) -> Commit | None:
        async with self._asking(path) as ask:
            found = await ask(f"{revision}^{{commit}}", MAX_COMMIT_BYTES)
        return commit_from_object(found.sha, found.data) if found else None

    async def file(
        self, path: RepositoryPath, *, commit_sha: str, files: Sequence[str], max_bytes: int
    ) -> CommittedFile:
        odd = ""
        async with self._asking(path) as ask:
            commit = await ask(f"{commit_sha}^{{commit}}", MAX_COMMIT_BYTES)
            if commit is None or commit.sha != commit_sha:
                message = f"commit {commit_sha} doesn't exist"
                raise NotExistError(message, reason="COMMIT_DOES_NOT_EXIST", sha=commit_sha)
            for file in files:
                found = await ask(f"{commit_sha}:{file}", max_bytes)
                if found is not None and found.kind == "blob":
                    _check_size(file, found.size, max_bytes)
                    in_commit = commit_from_object(commit.sha, commit.data)
                    return CommittedFile(in_commit, file, found.data)
                if found is not None:
                    odd = odd or file
        raise _not_regular(odd) if odd else await self._why_absent(path, commit_sha, files)

    @asynccontextmanager
    async def _asking(self, path: RepositoryPath) -> AsyncGenerator[Ask, None]:
        """Start one git for some questions."""
        async with self._git.running(*self._in(path), "cat-file", *_BATCH) as running:

            async def ask(name: str, max_bytes: int) -> GitObject | None:
                running.stdin.write(f"{name}\n".encode())
                return await _next_object(running, max_bytes)

            yield ask

    async def _why_absent(
        self, path: RepositoryPath, commit_sha: str, files: Sequence[str]
    ) -> AgolaError:
        """Tell a submodule, whose commit is elsewhere, from nothing at all."""
        listing = await self._git.output(
            "--literal-pathspecs", *self._in(path), "ls-tree", "-z", commit_sha, "--", *files
        )
        for entry in listing.split(b"\0"):
            if entry.startswith(SUBMODULE_MODE):
                return _not_regular(entry.partition(b"\t")[2].decode(errors="replace"))
        names = ", ".join(files)
        message = f"{names} doesn't exist in commit {commit_sha}"
        return NotExistError(message, reason="FILE_DOES_NOT_EXIST", file=names, sha=commit_sha)

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


def _check_size(file: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        message = f"{file} has {size} bytes, more than {max_bytes}"
        raise ExhaustedError(
            message,
            reason="FILE_TOO_LARGE",
            file=file,
            size=str(size),
            maxBytes=str(max_bytes),
        )


def _not_regular(file: str) -> PreconditionError:
    return PreconditionError(
        f"{file} is a directory or a submodule", reason="FILE_IS_NOT_REGULAR", file=file
    )
