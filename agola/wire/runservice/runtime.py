"""What tasks run in: architectures, containers, registries."""

from collections.abc import Mapping

from agola.core.errors import BadRequestError
from agola.model.run_config import (
    Arch,
    Container,
    HealthCheck,
    RegistryAuth,
    Resources,
    Runtime,
    Tmpfs,
)
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
    message = pb.Container(
        image=container.image,
        environment=container.environment,
        user=container.user,
        privileged=container.privileged,
        entrypoint=container.entrypoint,
        volumes=[pb.Tmpfs(path=volume.path, size=volume.size) for volume in container.volumes],
        health_check=_health_to_pb(container.health_check) if container.health_check else None,
    )
    resources = container.resources
    if resources != Resources():
        message.resources.cpu_millis, message.resources.memory = (
            resources.cpu_millis,
            resources.memory,
        )
    return message


def container_from_pb(message: pb.Container) -> Container:
    return Container(
        image=message.image,
        environment=dict(message.environment),
        user=message.user,
        privileged=message.privileged,
        entrypoint=message.entrypoint,
        volumes=tuple(Tmpfs(path=tmpfs.path, size=tmpfs.size) for tmpfs in message.volumes),
        health_check=(
            _health_from_pb(message.health_check) if message.HasField("health_check") else None
        ),
        resources=Resources(
            cpu_millis=message.resources.cpu_millis, memory=message.resources.memory
        ),
    )


def _health_to_pb(check: HealthCheck) -> pb.HealthCheck:
    message = pb.HealthCheck(retries=check.retries)
    if check.tcp_port:
        message.tcp_port = check.tcp_port
    else:
        message.command = check.command
    message.interval.FromTimedelta(check.interval)
    message.timeout.FromTimedelta(check.timeout)
    return message


def _health_from_pb(message: pb.HealthCheck) -> HealthCheck:
    return HealthCheck(
        command=message.command,
        tcp_port=message.tcp_port,
        interval=message.interval.ToTimedelta(),
        timeout=message.timeout.ToTimedelta(),
        retries=message.retries,
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
