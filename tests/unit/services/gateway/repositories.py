"""Pushed commits in memory."""

from collections.abc import Sequence

from agola.core.errors import NotExistError
from agola.model.repository import Commit, CommittedFile, Repository, RepositoryPath, Signature

SHA = "c0ffee" + 34 * "0"
NOBODY = Signature(name="nobody", email="")


class MemoryRepositories:
    """`Repositories` where every repository has one commit with the same files."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.message = "Do it\n\nwell"
        self.changed: tuple[str, ...] | None = None
        """What the commit has changed since its parent; without one, None."""

    async def get_repository(self, path: RepositoryPath) -> Repository:
        return Repository(
            path=path,
            push_url=f"http://push.example:8001/{path}.git",
            clone_url=f"http://clone.example:8001/{path}.git",
            clone_username="clone",
            clone_password="only for this one",
        )

    async def read_file(
        self, path: RepositoryPath, *, commit_sha: str, files: Sequence[str]
    ) -> CommittedFile:
        if commit_sha != SHA:
            message = f"commit {commit_sha} doesn't exist"
            raise NotExistError(message, reason="COMMIT_DOES_NOT_EXIST", commit=commit_sha)
        parents = () if self.changed is None else (40 * "0",)
        commit = Commit(
            sha=SHA, message=self.message, author=NOBODY, committer=NOBODY, parents=parents
        )
        for file in files:
            if file in self.files:
                return CommittedFile(commit, file, self.files[file])
        raise NotExistError("there is no such file", reason="FILE_DOES_NOT_EXIST")

    async def read_directory(
        self, path: RepositoryPath, *, commit_sha: str, directory: str
    ) -> dict[str, bytes]:
        inside = f"{directory}/"
        return {file: data for file, data in self.files.items() if file.startswith(inside)}

    async def list_changed_files(
        self, path: RepositoryPath, *, commit_sha: str
    ) -> tuple[str, ...] | None:
        return self.changed
