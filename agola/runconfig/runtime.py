"""Readers of what a task runs in: architecture, labels, containers and what belongs to them."""

from collections.abc import Iterator
from datetime import timedelta

from agola.model.run_config import Arch, HealthCheck, Resources, Tmpfs
from agola.runconfig.cursor import Cursor
from agola.runconfig.definition import ContainerDefinition, RuntimeDefinition
from agola.runconfig.keys import CONTAINER, HEALTH_CHECK, RESOURCES, RUNTIME, TMPFS, VOLUME
from agola.runconfig.quantity import read_cpu, read_duration, read_size
from agola.runconfig.tree import Sequence
from agola.runconfig.values import read_environment

MAX_PORT = 65535
MAX_RETRIES = 10_000


def read_runtime(cursor: Cursor) -> RuntimeDefinition:
    """Read a runtime."""
    fields = cursor.fields(RUNTIME)
    if fields.plain("type", "pod") != "pod":
        fields["type"].error("the only type of runtime is pod")
    return RuntimeDefinition(
        arch=_arch(fields["arch"]) if "arch" in fields else None,
        containers=tuple(
            _container(item, first=index == 0)
            for index, item in enumerate(fields.items("containers"))
        ),
        labels=dict(_labels(fields["labels"])) if "labels" in fields else {},
    )


def _arch(cursor: Cursor) -> Arch | None:
    text = cursor.plain()
    known = {arch.value: arch for arch in Arch}
    if text and text not in known:
        cursor.error(f'"{text[:40]}" is no known architecture', cursor.guess(text, known))
    return known.get(text)


def _labels(cursor: Cursor) -> Iterator[tuple[str, str]]:
    """Read labels, as a mapping or as a list of `name=text`."""
    if not isinstance(cursor.node, Sequence):
        yield from ((name, value.text()) for name, value in cursor.entries())
        return
    for item in cursor.items():
        name, equals, text = item.text().partition("=")
        if not name or not equals:
            item.error("this is no label", "write it like disk=fast")
        yield name, text


def _container(cursor: Cursor, *, first: bool) -> ContainerDefinition:
    if cursor.is_null:
        cursor.error("the container is empty", "write its image")
        return ContainerDefinition()
    fields = cursor.fields(CONTAINER)
    if first and "health_check" in fields:
        fields["health_check"].warning(
            "the first container runs the steps, and nobody waits for it",
            "write it in one of the other containers",
        )
    return ContainerDefinition(
        image=fields.plain("image"),
        environment=read_environment(fields["environment"]),
        user=fields.plain("user"),
        privileged=fields.flag("privileged"),
        entrypoint=fields.plain("entrypoint"),
        volumes=tuple(_volume(item) for item in fields.items("volumes")),
        health_check=_health_check(fields["health_check"]) if "health_check" in fields else None,
        resources=_resources(fields["resources"]) if "resources" in fields else Resources(),
    )


def _volume(cursor: Cursor) -> Tmpfs:
    fields = cursor.fields(VOLUME)
    if "tmpfs" not in fields or fields["tmpfs"].is_null:
        cursor.error("a volume without a type", "tmpfs: {} is a file system in memory")
    size = fields["tmpfs"].fields(TMPFS)["size"]
    if not fields.plain("path"):
        cursor.warning("the volume has no path", "path: /scratch")
    return Tmpfs(path=fields.plain("path"), size=read_size(size))


def _health_check(cursor: Cursor) -> HealthCheck | None:
    if cursor.is_null:
        return None
    fields = cursor.fields(HEALTH_CHECK)
    command = fields.text("command")
    port = fields["tcp_port"].number(1, MAX_PORT, "a port")
    if bool(command) == ("tcp_port" in fields):
        cursor.error("a health check has either a command or a tcp_port", "tcp_port: 5432")
    default = HealthCheck()
    retries = fields["retries"].number(1, MAX_RETRIES, "a number of attempts")
    return HealthCheck(
        command=command,
        tcp_port=port or 0,
        interval=_duration(fields["interval"], default.interval),
        timeout=_duration(fields["timeout"], default.timeout),
        retries=retries or default.retries,
    )


def _duration(cursor: Cursor, default: timedelta) -> timedelta:
    return read_duration(cursor) or default


def _resources(cursor: Cursor) -> Resources:
    fields = cursor.fields(RESOURCES)
    return Resources(cpu_millis=read_cpu(fields["cpu"]), memory=read_size(fields["memory"]))
