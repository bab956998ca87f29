"""agola.gitserver.v1 messages to model, and back."""

from collections.abc import Mapping

from agola.model.repository import Commit, CommittedFile, Repository, RepositoryPath, Signature
from agola.wire.timestamp import timestamp_from_pb, timestamp_to_pb
from generated.agola.gitserver.v1 import repository_pb2 as pb
from generated.agola.gitserver.v1 import repository_service_pb2 as service_pb


def repository_to_pb(repository: Repository) -> pb.Repository:
    return pb.Repository(
        user_id=repository.path.user_id,
        repository_uuid=repository.path.uuid,
        push_url=repository.push_url,
        clone_url=repository.clone_url,
        clone_username=repository.clone_username,
        clone_password=repository.clone_password,
    )


def repository_from_pb(message: pb.Repository) -> Repository:
    return Repository(
        path=RepositoryPath(message.user_id, message.repository_uuid),
        push_url=message.push_url,
        clone_url=message.clone_url,
        clone_username=message.clone_username,
        clone_password=message.clone_password,
    )


def commit_to_pb(commit: Commit) -> pb.Commit:
    return pb.Commit(
        sha=commit.sha,
        subject=commit.subject,
        message=commit.message,
        author=signature_to_pb(commit.author),
        committer=signature_to_pb(commit.committer),
        parent_shas=commit.parents,
    )


def commit_from_pb(message: pb.Commit) -> Commit:
    return Commit(
        sha=message.sha,
        message=message.message,
        author=signature_from_pb(message.author),
        committer=signature_from_pb(message.committer),
        parents=tuple(message.parent_shas),
    )


def committed_file_to_pb(file: CommittedFile) -> service_pb.ReadFileResponse:
    return service_pb.ReadFileResponse(
        data=file.data, path=file.path, commit=commit_to_pb(file.commit)
    )


def committed_file_from_pb(message: service_pb.ReadFileResponse) -> CommittedFile:
    return CommittedFile(commit_from_pb(message.commit), message.path, message.data)


def files_to_pb(files: Mapping[str, bytes]) -> service_pb.ReadDirectoryResponse:
    message = service_pb.ReadDirectoryResponse
    return message(files=[message.File(path=path, data=data) for path, data in files.items()])


def files_from_pb(message: service_pb.ReadDirectoryResponse) -> dict[str, bytes]:
    return {file.path: file.data for file in message.files}


def changed_files_to_pb(paths: tuple[str, ...] | None) -> service_pb.ListChangedFilesResponse:
    return service_pb.ListChangedFilesResponse(paths=paths or (), known=paths is not None)


def changed_files_from_pb(
    message: service_pb.ListChangedFilesResponse,
) -> tuple[str, ...] | None:
    return tuple(message.paths) if message.known else None


def signature_to_pb(signature: Signature) -> pb.Signature:
    return pb.Signature(
        name=signature.name, email=signature.email, time=timestamp_to_pb(signature.time)
    )


def signature_from_pb(message: pb.Signature) -> Signature:
    return Signature(
        name=message.name, email=message.email, time=timestamp_from_pb(message, "time")
    )
