"""What the gitserver needs from the outside."""

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias

from agola.model.repository import Commit, CommittedFile, RepositoryPath

Respond: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Takes the next bytes of an answer; waits while whoever reads them is slower."""


class PackService(Enum):
    """The two things that a git client asks for over HTTP."""

    FETCH = "git-upload-pack"
    PUSH = "git-receive-pack"


class Authenticate(Protocol):
    """Knows users by their tokens."""

    async def __call__(self, token: str) -> str:
        """Say the id of the user who presents *token*.  UnauthorizedError, UnavailableError."""


class Repositories(Protocol):
    """Which repositories there are."""

    async def exists(self, path: RepositoryPath) -> bool: ...

    async def create(self, path: RepositoryPath) -> None:
        """Make an empty repository: wholly or not at all.  One that is there stays as it is."""


class Transport(Protocol):
    """Git's own side of a conversation with a git client.

    Whatever ends the conversation early ends git, and a push is then without effect.
    InternalError (`GIT_FAILED`) when git fails before it has answered anything.
    """

    async def advertise(
        self, path: RepositoryPath, service: PackService, respond: Respond, *, protocol: str
    ) -> None:
        """Tell which refs there are, or what the *protocol* that was asked for has instead."""

    async def exchange(
        self,
        path: RepositoryPath,
        service: PackService,
        request: AsyncIterable[bytes],
        respond: Respond,
        *,
        protocol: str,
    ) -> None:
        """Answer one request, in bounded memory."""


class Room(NamedTuple):
    """How much of a directory is read."""

    files: int
    file_bytes: int
    total_bytes: int


class Reader(Protocol):
    """Reads what was pushed to repositories that exist.  InternalError: `GIT_FAILED`."""

    async def commit(self, path: RepositoryPath, revision: str) -> Commit | None:
        """Find the commit that a full ref or a full id names; a tag is peeled."""

    async def file(
        self, path: RepositoryPath, *, commit_sha: str, files: Sequence[str], max_bytes: int
    ) -> CommittedFile:
        """Give the first of *files* that there is in a commit.

        Symbolic links inside the repository are followed.  NotExistError: `COMMIT_DOES_NOT_EXIST`,
        `FILE_DOES_NOT_EXIST`.  PreconditionError: `FILE_IS_NOT_REGULAR`.  ExhaustedError:
        `FILE_TOO_LARGE`.
        """

    async def directory(
        self, path: RepositoryPath, *, commit_sha: str, directory: str, room: Room
    ) -> dict[str, bytes]:
        """Give the files in a directory of a commit and below it, by their paths.

        Those of a directory come before those below it; what there is no room for is left out.
        Symbolic links to files inside the repository are followed.  NotExistError:
        `COMMIT_DOES_NOT_EXIST`, `DIRECTORY_DOES_NOT_EXIST`.
        """

    async def changed_files(
        self, path: RepositoryPath, *, commit_sha: str
    ) -> tuple[str, ...] | None:
        """Give what a commit has changed since its first parent; None if that is not known.

        NotExistError: `COMMIT_DOES_NOT_EXIST`.
        """
