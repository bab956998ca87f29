"""agola.gitserver.v1.RepositoryService over gRPC."""

from typing import Protocol

from agola.model.repository import RepositoryPath
from agola.rpc.handlers import Context
from agola.rpc.server import Mount
from agola.services.gitserver.actions.repository import RepositoryActions
from agola.wire import gitserver as wire
from generated.agola.gitserver.v1 import repository_service_pb2 as pb
from generated.agola.gitserver.v1.repository_service_pb2_grpc import (
    RepositoryServiceServicer,
    add_RepositoryServiceServicer_to_server,
)


class RepositoryServicer(RepositoryServiceServicer):
    """Serves what is known of repositories."""

    def __init__(self, actions: RepositoryActions) -> None:
        self._actions = actions

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["RepositoryService"].full_name
        return Mount(name, lambda server: add_RepositoryServiceServicer_to_server(self, server))

    async def GetRepository(
        self, request: pb.GetRepositoryRequest, context: Context
    ) -> pb.GetRepositoryResponse:
        repository = await self._actions.get_repository(_path(request))
        return pb.GetRepositoryResponse(repository=wire.repository_to_pb(repository))

    async def GetCommit(
        self, request: pb.GetCommitRequest, context: Context
    ) -> pb.GetCommitResponse:
        path = _path(request)
        if request.WhichOneof("revision") == "ref":
            commit = await self._actions.get_commit_of_ref(path, request.ref)
        else:
            commit = await self._actions.get_commit(path, request.sha)
        return pb.GetCommitResponse(commit=wire.commit_to_pb(commit))

    async def ReadFile(self, request: pb.ReadFileRequest, context: Context) -> pb.ReadFileResponse:
        file = await self._actions.read_file(
            _path(request), commit_sha=request.commit_sha, files=request.paths
        )
        return wire.committed_file_to_pb(file)

    async def ReadDirectory(
        self, request: pb.ReadDirectoryRequest, context: Context
    ) -> pb.ReadDirectoryResponse:
        files = await self._actions.read_directory(
            _path(request), commit_sha=request.commit_sha, directory=request.path
        )
        return wire.files_to_pb(files)

    async def ListChangedFiles(
        self, request: pb.ListChangedFilesRequest, context: Context
    ) -> pb.ListChangedFilesResponse:
        paths = await self._actions.list_changed_files(
            _path(request), commit_sha=request.commit_sha
        )
        return wire.changed_files_to_pb(paths)


class _OfRepository(Protocol):
    """A request about a repository."""

    @property
    def user_id(self) -> str: ...
    @property
    def repository_uuid(self) -> str: ...


def _path(request: _OfRepository) -> RepositoryPath:
    return RepositoryPath(request.user_id, request.repository_uuid)
