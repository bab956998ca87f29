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
