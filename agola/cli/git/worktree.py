"""The repository around a directory: what it is called, and where it stands."""

import uuid
from dataclasses import dataclass
from pathlib import Path

from agola.cli.git.command import Git, failure
from agola.core.errors import BadRequestError, PreconditionError
from agola.core.ids import Ids

UUID_KEY = "agola.repouuid"
DEFAULT_BRANCH = "master"
DEFAULT_MESSAGE = "direct run"


@dataclass(frozen=True, slots=True)
class Worktree:
    """A work tree of a git repository; the repository may have no commits yet."""

    git: Git

    @classmethod
    async def around(cls, directory: Path) -> "Worktree":
        """Find the work tree.  PreconditionError: NOT_A_GIT_REPOSITORY, NO_WORK_TREE."""
        git = Git(directory)
        code, out, err = await git.tried("rev-parse", "--show-toplevel")
        if code == 0:
            return cls(Git(Path(out.decode(errors="surrogateescape").removesuffix("\n"))))
        where = str(directory)
        if b"not a git repository" in err:
            raise PreconditionError(
                f"{where} is not in a git repository", reason="NOT_A_GIT_REPOSITORY", path=where
            )
        if b"work tree" in err:
            raise PreconditionError(
                f"the git repository of {where} has no work tree", reason="NO_WORK_TREE", path=where
            )
        raise failure(("rev-parse",), err)

    async def uuid(self, ids: Ids) -> str:
        """Give the id by which this repository is known; the first call makes one and keeps it."""
        code, out, _ = await self.git.tried("config", "--local", "--get", UUID_KEY)
        if code == 0:
            return _uuid(out.decode(errors="replace").strip())
        made = ids.uuid()
        await self.git.output("config", "--local", UUID_KEY, made)
        return made

    async def branch(self) -> str:
        """Give the name of the current branch, or the default one if HEAD is detached."""
        code, out, _ = await self.git.tried("symbolic-ref", "--quiet", "--short", "HEAD")
        return out.decode(errors="surrogateescape").strip() if code == 0 else DEFAULT_BRANCH

    async def has_commits(self) -> bool:
        code, _, _ = await self.git.tried("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return code == 0

    async def subject(self) -> str:
        """Give the first line of the message of HEAD, or a default."""
        if not await self.has_commits():
            return DEFAULT_MESSAGE
        out = await self.git.output("log", "-1", "--format=%s", "--encoding=UTF-8", "HEAD")
        return out.decode(errors="replace").strip() or DEFAULT_MESSAGE

    async def full_ref(self, *, branch: str | None, tag: str | None, ref: str | None) -> str:
        """Give the full name of the ref that is asked for, or of the current branch.

        BadRequestError: GIT_REF_INVALID.
        """
        if tag is not None:
            full = f"refs/tags/{tag}"
        elif ref is not None:
            full = ref
        else:
            full = f"refs/heads/{await self.branch() if branch is None else branch}"
        code, _, _ = await self.git.tried("check-ref-format", full)
        if code or not full.startswith("refs/"):
            raise BadRequestError(
                f'"{full}" is no name for a ref', reason="GIT_REF_INVALID", ref=full
            )
        return full


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        message = f'git config {UUID_KEY} is "{text}", which is no UUID; unset it'
        raise PreconditionError(message, reason="REPOSITORY_UUID_INVALID", value=text) from error
