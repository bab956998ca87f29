"""What other services may ask about repositories."""

import re
import uuid
from collections.abc import Sequence

from agola.core.errors import BadRequestError, NotExistError
from agola.model.repository import Commit, CommittedFile, Repository, RepositoryPath
from agola.services.gitserver.actions.clone_credential import USERNAME, CloneCredential
from agola.services.gitserver.ports import Reader, Repositories, Room

MAX_FILE_BYTES = 1024**2
ROOM = Room(files=64, file_bytes=MAX_FILE_BYTES, total_bytes=3 * 1024**2)
MAX_PATHS = 20
MAX_PATH_CHARACTERS = 4096

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"(?!.*(\.\.|@\{|//|/\.|\.lock(/|$)))refs/[^\x00-\x20\x7f~^:?*\[\\]+(?<![/.])")
"""What `git check-ref-format` takes."""


class RepositoryActions:
    """Says where repositories are, and reads them."""

    def __init__(
        self,
        repositories: Repositories,
        reader: Reader,
        *,
        url: str,
        clone_credential: CloneCredential,
    ) -> None:
        self._repositories = repositories
        self._reader = reader
        self._url = url.rstrip("/")
        self._clone_credential = clone_credential

    async def get_repository(self, path: RepositoryPath) -> Repository:
        """Say where a repository is, whether or not anything was pushed to it yet."""
        _check(path)
        url = f"{self._url}/{path}.git"
        return Repository(
            path=path,
            push_url=url,
            clone_url=url,
            clone_username=USERNAME,
            clone_password=self._clone_credential.password(path),
        )

    async def get_commit_of_ref(self, path: RepositoryPath, ref: str) -> Commit:
        """Find the commit that *ref*, a full name, points to."""
        _check(path)
        if not _REF.fullmatch(ref):
            raise _invalid("REVISION_INVALID", f"{ref!r} is not the full name of a ref")
        await self._check_exists(path)
        commit = await self._reader.commit(path, ref)
        if commit is None:
            raise NotExistError(f"ref {ref} doesn't exist", reason="REF_DOES_NOT_EXIST", ref=ref)
        return commit

    async def get_commit(self, path: RepositoryPath, sha: str) -> Commit:
        """Find the commit with this full id."""
        _check(path)
        if not sha:
            raise _invalid("REVISION_REQUIRED", "say a ref or the id of a commit")
        if not _SHA.fullmatch(sha):
            raise _invalid("REVISION_INVALID", f"{sha!r} is not the full id of a commit")
        await self._check_exists(path)
        commit = await self._reader.commit(path, sha)
        if commit is None or commit.sha != sha:
            message = f"commit {sha} doesn't exist"
            raise NotExistError(message, reason="COMMIT_DOES_NOT_EXIST", sha=sha)
        return commit

    async def read_file(
        self, path: RepositoryPath, *, commit_sha: str, files: Sequence[str]
    ) -> CommittedFile:
        """Give the first of *files* that there is in a commit, at most 1 MiB."""
        _check_files(files)
        await self._check_commit(path, commit_sha)
        return await self._reader.file(
            path, commit_sha=commit_sha, files=files, max_bytes=MAX_FILE_BYTES
        )

    async def read_directory(
        self, path: RepositoryPath, *, commit_sha: str, directory: str
    ) -> dict[str, bytes]:
        """Give the files in a directory of a commit and below it, as far as `ROOM` allows."""
        await self._check_commit(path, commit_sha)
        _check_files([directory])
        return await self._reader.directory(
            path, commit_sha=commit_sha, directory=directory, room=ROOM
        )

    async def list_changed_files(
        self, path: RepositoryPath, *, commit_sha: str
    ) -> tuple[str, ...] | None:
        """Give what a commit has changed since its first parent; None if that is not known."""
        await self._check_commit(path, commit_sha)
        return await self._reader.changed_files(path, commit_sha=commit_sha)

    async def _check_commit(self, path: RepositoryPath, commit_sha: str) -> None:
        _check(path)
        if not _SHA.fullmatch(commit_sha):
            raise _invalid("COMMIT_SHA_INVALID", f"{commit_sha!r} is not the full id of a commit")
        await self._check_exists(path)

    async def _check_exists(self, path: RepositoryPath) -> None:
        if not await self._repositories.exists(path):
            raise NotExistError(
                f"repository {path} doesn't exist",
                reason="REPOSITORY_DOES_NOT_EXIST",
                userId=path.user_id,
                repositoryUuid=path.uuid,
            )


def _check(path: RepositoryPath) -> None:
    if not _is_uuid(path.user_id):
        raise _invalid("USER_ID_INVALID", f"{path.user_id!r} is not the id of a user")
    if not _is_uuid(path.uuid):
        raise _invalid("REPOSITORY_UUID_INVALID", f"{path.uuid!r} is not a UUID")


def _check_files(files: Sequence[str]) -> None:
    if not files:
        raise _invalid("FILE_PATH_REQUIRED", "say the path of a file")
    if len(files) > MAX_PATHS:
        raise _invalid("TOO_MANY_FILE_PATHS", f"{len(files)} paths are more than {MAX_PATHS}")
    for file in files:
        if not _is_file_path(file):
            raise _invalid("FILE_PATH_INVALID", f"{file!r} cannot be the path of a file")


def _is_uuid(text: str) -> bool:
    """Say whether *text* is a UUID in its canonical form: it becomes the name of a directory."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _is_file_path(file: str) -> bool:
    parts = file.split("/")
    return (
        len(file) <= MAX_PATH_CHARACTERS
        and "\n" not in file
        and "\0" not in file
        and all(part not in {"", ".", ".."} for part in parts)
    )


def _invalid(reason: str, message: str) -> BadRequestError:
    return BadRequestError(message, reason=reason)
