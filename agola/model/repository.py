"""The repositories of direct runs: one for each user and each of their work trees."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class RepositoryPath:
    """Names a repository: whose it is, and the id that the work tree gave itself."""

    user_id: str
    uuid: str

    def __str__(self) -> str:
        return f"{self.user_id}/{self.uuid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where a repository is, and how clone steps log in to it."""

    path: RepositoryPath
    push_url: str
    clone_url: str
    clone_username: str = ""
    clone_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who did something, and when."""

    name: str
    email: str
    time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit of a repository."""

    sha: str
    message: str
    author: Signature
    committer: Signature
    parents: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class CommittedFile:
    """A file as it is in a commit."""

    commit: Commit
    path: str
    data: bytes
