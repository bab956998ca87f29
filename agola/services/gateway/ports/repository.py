"""The work trees that users push, as the gitserver keeps them."""

from collections.abc import Sequence
from typing import Protocol

from agola.model.repository import CommittedFile, Repository, RepositoryPath


class Repositories(Protocol):
    """Reads what was pushed.

    NotExistError: REPOSITORY_DOES_NOT_EXIST, COMMIT_DOES_NOT_EXIST, FILE_DOES_NOT_EXIST.
    """

    async def get_repository(self, path: RepositoryPath) -> Repository:
        """Say where a repository is, whether or not anything was pushed to it yet."""

    async def read_file(
        self, path: RepositoryPath, *, commit_sha: str, files: Sequence[str]
    ) -> CommittedFile:
        """Give the first of *files* that there is in a commit.  ExhaustedError: FILE_TOO_LARGE."""

    async def read_directory(
        self, path: RepositoryPath, *, commit_sha: str, directory: str
    ) -> dict[str, bytes]:
        """Give the files in a directory of a commit and below it; what is too much is left out.

        NotExistError: DIRECTORY_DOES_NOT_EXIST.
        """

    async def list_changed_files(
        self, path: RepositoryPath, *, commit_sha: str
    ) -> tuple[str, ...] | None:
        """Give what a commit has changed since its first parent; None if that is not known."""
