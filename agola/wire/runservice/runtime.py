"""What tasks run in: architectures, containers, registries."""

from collections.abc import Mapping

from agola.core.errors import BadRequestError
from agola.model.run_config import Arch, Container, RegistryAuth, Runtime, Tmpfs
from generated.agola.runservice.v1 import run_config_pb2 as pb


def arch_from_pb(name: str) -> Arch:
    """BadRequestError: `ARCH_INVALID`."""
    try:
        return Arch(name)
    except ValueError:
        message = f"architecture {name!r} is unknown"
        raise BadRequestError(message, reason="ARCH_INVALID", arch=name) from None


def runtime_to_pb(runtime: Runtime) -> pb.Runtime:
    return pb.Runtime(
        arch=runtime.arch.value if runtime.arch else "",
        containers=[container_to_pb(container) for container in runtime.containers],
        labels=runtime.labels,
    )


def runtime_from_pb(message: pb.Runtime) -> Runtime:
    return Runtime(
        arch=arch_from_pb(message.arch) if message.arch else None,
        containers=tuple(container_from_pb(container) for container in message.containers),
        labels=dict(message.labels),
    )


def container_to_pb(container: Container) -> pb.Container:
    return pb.Container(
        image=container.image,
        environment=container.environment,
        user=container.user,
        privileged=container.privileged,
        entrypoint=container.entrypoint,
        volumes=[pb.Tmpfs(path=volume.path, size=volume.size) for volume in container.volumes],
    )


def container_from_pb(message: pb.Container) -> Container:
    return Container(
        image=message.image,
        environment=dict(message.environment),
        user=message.user,
        privileged=message.privileged,
        entrypoint=message.entrypoint,
        volumes=tuple(Tmpfs(path=tmpfs.path, size=tmpfs.size) for tmpfs in message.volumes),
    )


def registries_to_pb(registries: Mapping[str, RegistryAuth]) -> dict[str, pb.RegistryAuth]:
    return {
        host: pb.RegistryAuth(username=auth.username, password=auth.password, auth=auth.auth)
        for host, auth in registries.items()
    }


def registries_from_pb(messages: Mapping[str, pb.RegistryAuth]) -> dict[str, RegistryAuth]:
    return {
        host: RegistryAuth(username=auth.username, password=auth.password, auth=auth.auth)
        for host, auth in messages.items()
    }
