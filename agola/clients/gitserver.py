"""Asking the gitserver."""

from collections.abc import Sequence

import grpc

from agola.model.repository import Commit, CommittedFile, Repository, RepositoryPath
from agola.rpc import calls
from agola.wire import gitserver as wire
from generated.agola.gitserver.v1 import repository_service_pb2 as pb
from generated.agola.gitserver.v1.repository_service_pb2_grpc import RepositoryServiceStub


class RepositoryClient:
    """Reads repositories of direct runs.  Errors: those that RepositoryService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = RepositoryServiceStub(channel)

    async def get_repository(self, path: RepositoryPath) -> Repository:
        """Say where a repository is, whether or not anything was pushed to it yet."""
        request = pb.GetRepositoryRequest(user_id=path.user_id, repository_uuid=path.uuid)
        answer = await calls.unary(self._stub.GetRepository(request))
        return wire.repository_from_pb(answer.repository)

    async def get_commit(self, path: RepositoryPath, *, ref: str = "", sha: str = "") -> Commit:
        """Find a commit by the ref that points to it, or by its full id."""
        request = pb.GetCommitRequest(user_id=path.user_id, repository_uuid=path.uuid)
        if ref:
            request.ref = ref
        else:
            request.sha = sha
        answer = await calls.unary(self._stub.GetCommit(request))
        return wire.commit_from_pb(answer.commit)

    async def read_file(
        self, path: RepositoryPath, *, commit_sha: str, files: Sequence[str]
    ) -> CommittedFile:
        """Give the first of *files* that there is in a commit."""
        request = pb.ReadFileRequest(
            user_id=path.user_id, repository_uuid=path.uuid, commit_sha=commit_sha, paths=files
        )
        return wire.committed_file_from_pb(await calls.unary(self._stub.ReadFile(request)))

    async def read_directory(
        self, path: RepositoryPath, *, commit_sha: str, directory: str
    ) -> dict[str, bytes]:
        """Give the files in a directory of a commit and below it, by their paths.

        What is too large, or too many, is left out.
        """
        request = pb.ReadDirectoryRequest(
            user_id=path.user_id, repository_uuid=path.uuid, commit_sha=commit_sha, path=directory
        )
        return wire.files_from_pb(await calls.unary(self._stub.ReadDirectory(request)))

    async def list_changed_files(
        self, path: RepositoryPath, *, commit_sha: str
    ) -> tuple[str, ...] | None:
        """Give what a commit has changed since its first parent; None if that is not known."""
        request = pb.ListChangedFilesRequest(
            user_id=path.user_id, repository_uuid=path.uuid, commit_sha=commit_sha
        )
        return wire.changed_files_from_pb(await calls.unary(self._stub.ListChangedFiles(request)))
