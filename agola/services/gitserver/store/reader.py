"""Reading commits and files with `git cat-file`."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

from agola.core.errors import AgolaError, ExhaustedError, NotExistError, PreconditionError
from agola.model.repository import Commit, CommittedFile, RepositoryPath
from agola.services.gitserver.ports import Room
from agola.services.gitserver.store.commit import commit_from_object
from agola.services.gitserver.store.git import PIPE_BYTES, Git, Running, failed
from agola.services.gitserver.store.repositories import DiskRepositories

MAX_COMMIT_BYTES = 1024**2
"""A longer message is cut off here."""
SUBMODULE_MODE = b"160000"
DIRECTORY_MODE = b"40000"

MAX_TREE_BYTES = 1024**2
MAX_DIRECTORIES = 64
MAX_CHANGED_FILES = 10_000

_FOUND = re.compile(rb"([0-9a-f]{40,64}) (blob|tree|commit|tag) (\d+)\n")
_ASTRAY = re.compile(rb"(?:symlink|dangling|loop|notdir) (\d+)\n")
"""A symbolic link that leads nowhere; the name of the nowhere follows."""


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
            commit = await _commit(ask, commit_sha)
            for file in files:
                found = await ask(f"{commit_sha}:{file}", max_bytes)
                if found is not None and found.kind == "blob":
                    _check_size(file, found.size, max_bytes)
                    in_commit = commit_from_object(commit.sha, commit.data)
                    return CommittedFile(in_commit, file, found.data)
                if found is not None:
                    odd = odd or file
        raise _not_regular(odd) if odd else await self._why_absent(path, commit_sha, files)

    async def directory(
        self, path: RepositoryPath, *, commit_sha: str, directory: str, room: Room
    ) -> dict[str, bytes]:
        async with self._asking(path) as ask:
            await _commit(ask, commit_sha)
            found = await ask(f"{commit_sha}:{directory}", MAX_TREE_BYTES)
            if found is None or found.kind != "tree":
                raise NotExistError(
                    f"{directory} is no directory in commit {commit_sha}",
                    reason="DIRECTORY_DOES_NOT_EXIST",
                    directory=directory,
                    sha=commit_sha,
                )
            return await _Walk(ask, commit_sha, room).files(directory, found)

    async def changed_files(
        self, path: RepositoryPath, *, commit_sha: str
    ) -> tuple[str, ...] | None:
        async with self._asking(path) as ask:
            commit = await _commit(ask, commit_sha)
            parents = commit_from_object(commit.sha, commit.data).parents
            if not parents or await ask(f"{parents[0]}^{{tree}}", 0) is None:
                return None
        diff = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", parents[0], commit_sha)
        names = (await self._git.output(*self._in(path), *diff)).split(b"\0")[:-1]
        if len(names) > MAX_CHANGED_FILES:
            return None
        return tuple(name.decode(errors="replace") for name in names)

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


class _Walk:
    """Reads a directory and what is below it, as far as there is room."""

    def __init__(self, ask: Ask, commit_sha: str, room: Room) -> None:
        self._ask = ask
        self._commit_sha = commit_sha
        self._room = room
        self._left = room.total_bytes
        self._files: dict[str, bytes] = {}

    async def files(self, directory: str, tree: GitObject) -> dict[str, bytes]:
        trees = [(directory, tree)]
        for folder, found in trees:  # it grows while it is read
            for is_directory, name in _entries(found):
                path = f"{folder}/{name}"
                if not is_directory:
                    await self._file(path)
                elif len(trees) < MAX_DIRECTORIES:
                    below = await self._ask(f"{self._commit_sha}:{path}", MAX_TREE_BYTES)
                    trees += [(path, below)] if below else []
        return self._files

    async def _file(self, path: str) -> None:
        if len(self._files) >= self._room.files:
            return
        most = min(self._room.file_bytes, self._left)
        found = await self._ask(f"{self._commit_sha}:{path}", most)
        if found is not None and found.kind == "blob" and found.size <= most:
            self._files[path] = found.data
            self._left -= found.size


def _entries(tree: GitObject) -> Iterator[tuple[bool, str]]:
    """Give what is in a tree: whether it is a directory, and its name.

    The format is `mode name`, a zero byte, and the id in binary.  A name that is no text, or that
    would be two lines to ask for, is left out.
    """
    data, at = tree.data, 0
    while (end := data.find(b"\0", at)) >= 0:
        mode, _, raw = data[at:end].partition(b" ")
        at = end + 1 + len(tree.sha) // 2
        with suppress(UnicodeDecodeError):
            name = raw.decode()
            if "\n" not in name and mode != SUBMODULE_MODE:
                yield mode == DIRECTORY_MODE, name


async def _commit(ask: Ask, commit_sha: str) -> GitObject:
    commit = await ask(f"{commit_sha}^{{commit}}", MAX_COMMIT_BYTES)
    if commit is None or commit.sha != commit_sha:
        message = f"commit {commit_sha} doesn't exist"
        raise NotExistError(message, reason="COMMIT_DOES_NOT_EXIST", sha=commit_sha)
    return commit


async def _next_object(running: Running, max_bytes: int) -> GitObject | None:
    line = await running.stdout.readline()
    if not line:
        raise failed(await running.complaints())
    header = _FOUND.fullmatch(line)
    if header is None:
        if astray := _ASTRAY.fullmatch(line):
            await running.stdout.readexactly(int(astray[1]) + 1)
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
