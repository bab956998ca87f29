"""A commit of the work tree as it is, made beside the repository.

The index is a copy, and new objects go to a directory that is removed afterwards: the repository's
own index, refs and objects stay as they are, and so does every file.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agola.cli.git.command import Git
from agola.cli.git.worktree import Worktree
from agola.core.errors import ExhaustedError

MAX_UNTRACKED_BYTES = 1 << 30
"""How much of files that git does not know is taken: more is hardly meant."""

_NAME = "Agola direct run"
_EMAIL = "directrun@agola.invalid"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A commit without parents, and a git that can see it."""

    git: Git
    commit: str
    message: str
    left_out: tuple[str, ...] = ()
    """The paths of submodules with changes that they have not committed: those are not in it."""


@dataclass(frozen=True, slots=True)
class Untracked:
    """Files that git does not know, by their paths below the work tree, and their size in all."""

    paths: tuple[bytes, ...] = ()
    size: int = 0


async def untracked(worktree: Worktree, *, ignored: bool = False) -> Untracked:
    """Find what git does not know: unless *ignored*, only what it does not ignore either.

    Repositories inside this one are left out, as nobody could fetch them.
    """
    listed = ["ls-files", "-z", "--others"]
    paths = _paths(await worktree.git.output(*listed, "--exclude-standard"))
    if ignored:
        paths |= _paths(await worktree.git.output(*listed, "--ignored", "--exclude-standard"))
    root = os.fsencode(worktree.git.directory)
    size = sum(os.lstat(os.path.join(root, path)).st_size for path in paths)  # noqa: PTH118  bytes
    return Untracked(tuple(sorted(paths)), size)


@asynccontextmanager
async def snapshot(
    worktree: Worktree,
    *,
    extra: Untracked,
    message: str,
    max_untracked_bytes: int = MAX_UNTRACKED_BYTES,
) -> AsyncGenerator[Snapshot, None]:
    """Commit what git knows, as it is in the work tree, and *extra*.

    ExhaustedError: UNTRACKED_TOO_LARGE.
    """
    _check_size(extra, max_untracked_bytes)
    with tempfile.TemporaryDirectory(prefix="agola-directrun-") as room:
        git = await _beside(worktree, Path(room))
        await git.output("add", "--update")
        if extra.paths:
            await git.output(
                *("--literal-pathspecs", "add", "--force"),
                *("--pathspec-from-file=-", "--pathspec-file-nul"),
                stdin=b"\0".join(extra.paths),
            )
        left_out = await _dirty_submodules(git)
        tree = await git.line("write-tree")
        commit = await (await _identified(git)).line("commit-tree", tree, stdin=message.encode())
        yield Snapshot(git, commit, message, left_out)


async def _dirty_submodules(git: Git) -> tuple[str, ...]:
    """Name what still differs from the index that everything was just added to."""
    differing = await git.output("diff-files", "--ignore-submodules=none", "--raw", "-z")
    fields = differing.split(b"\0")
    return tuple(
        os.fsdecode(path)
        for modes, path in zip(fields[::2], fields[1::2], strict=False)
        if modes.startswith(b":160000 ")  # a commit of another repository
    )


def _check_size(extra: Untracked, most: int) -> None:
    if extra.size > most:
        size, limit = f"{extra.size / 1e6:,.0f} MB", f"{most / 1e6:,.0f} MB"
        message = (
            f"the files that git does not know have {size}, more than {limit}: "
            "let git ignore them, or use --no-untracked"
        )
        raise ExhaustedError(message, reason="UNTRACKED_TOO_LARGE", size=size, limit=limit)


async def _beside(worktree: Worktree, room: Path) -> Git:
    """Give a git that reads the repository and writes to *room*."""
    git = worktree.git
    index, objects = room / "index", room / "objects"
    objects.mkdir()
    own_index = git.directory / await git.line("rev-parse", "--git-path", "index")
    own_objects = git.directory / await git.line("rev-parse", "--git-path", "objects")
    beside = git.with_environment(
        {
            "GIT_INDEX_FILE": str(index),
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _alternates(own_objects),
        }
    )
    if own_index.exists():
        shutil.copy2(own_index, index)  # with its times, or git reads every file again
    elif await worktree.has_commits():
        await beside.output("read-tree", "HEAD")
    return beside


def _alternates(own: Path) -> str:
    """Quote a path as git wants it, and keep those that were given to us."""
    quoted = str(own).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    given = os.environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES")
    return ":".join(filter(None, [f'"{quoted}"', given]))


async def _identified(git: Git) -> Git:
    """Make sure that git knows an author: the user's own, or ours."""
    name = (await git.tried("config", "user.name"))[1].decode(errors="replace").strip()
    email = (await git.tried("config", "user.email"))[1].decode(errors="replace").strip()
    return git.with_environment(
        {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", name or _NAME), ("EMAIL", email or _EMAIL))
        }
    )


def _paths(listed: bytes) -> set[bytes]:
    return {path for path in listed.split(b"\0") if path and not path.endswith(b"/")}
