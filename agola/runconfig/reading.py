"""Readers of the whole definition: runs, tasks, and what tasks run in."""

from collections.abc import Iterator

from agola.model.run_config import (
    DEFAULT_SHELL,
    DEFAULT_WORKING_DIR,
    Arch,
    Condition,
    Tmpfs,
)
from agola.runconfig.cursor import Cursor, Fields, did_you_mean
from agola.runconfig.definition import (
    ContainerDefinition,
    Definition,
    Dependency,
    RunDefinition,
    RuntimeDefinition,
    TaskDefinition,
)
from agola.runconfig.graph import Vertex, check_graph
from agola.runconfig.steps import MAX_NAME_BYTES, read_steps
from agola.runconfig.tree import Mapping, Scalar, Sequence
from agola.runconfig.values import (
    read_environment,
    read_registries,
    read_size,
    read_timeout,
)
from agola.runconfig.when import read_when

MAX_TASKS = 10_000
"""How many tasks a run may have."""

_REGISTRIES = "docker_registries_auth"
_TIMEOUT = "task_timeout_interval"


def read_definition(cursor: Cursor) -> Definition:
    """Read a file.  Only if no error was noted is the answer fit to make runs of."""
    fields = cursor.fields("runs", "version", _REGISTRIES, _TIMEOUT)
    items = list(fields["runs"].items())
    if not items and (fields["runs"].is_null or isinstance(fields["runs"].node, Sequence)):
        fields["runs"].error("no runs are defined", '"runs" is a list of runs, each with tasks')
    runs = [(item, run) for item in items if (run := _run(item))]
    _check_names("run", [(item, run.name) for item, run in runs])
    return Definition(
        runs=tuple(run for _, run in runs),
        registries=read_registries(fields[_REGISTRIES]),
        timeout=read_timeout(fields[_TIMEOUT]),
    )


def _run(cursor: Cursor) -> RunDefinition | None:
    if cursor.is_null:
        cursor.error("the run is empty", "write its name and its tasks")
        return None
    fields = cursor.fields("name", "tasks", "when", _REGISTRIES, _TIMEOUT, task=_TASK_KEYS)
    return RunDefinition(
        name=_name(fields),
        tasks=_tasks(fields["tasks"]),
        when=read_when(fields["when"]),
        registries=read_registries(fields[_REGISTRIES]),
        timeout=read_timeout(fields[_TIMEOUT]),
    )


def _tasks(cursor: Cursor) -> tuple[TaskDefinition, ...]:
    items = list(cursor.items())
    if not items:
        cursor.warning("the run has no tasks")
    if len(items) > MAX_TASKS:
        cursor.error(f"a run may have {MAX_TASKS:,} tasks, this one has {len(items):,}")
        return ()
    vertices = [vertex for item in items if (vertex := _task(item))]
    _check_names("task", [(vertex.cursor, vertex.task.name) for vertex in vertices])
    check_graph([vertex for vertex in vertices if vertex.task.name])
    return tuple(vertex.task for vertex in vertices)


def _check_names(what: str, named: list[tuple[Cursor, str]]) -> None:
    """Refuse a name that an earlier run or task has."""
    lines: dict[str, int] = {}
    for cursor, name in named:
        if name in lines:
            cursor.error(f'the {what} in line {lines[name]} is called "{name[:100]}", too')
        elif name:
            lines[name] = cursor.node.line


def _task(cursor: Cursor) -> Vertex | None:
    if cursor.is_null:
        cursor.error("the task is empty", "write its name and its steps")
        return None
    fields = cursor.fields(*_TASK_KEYS)
    depends = list(_dependencies(fields["depends"]))
    task = TaskDefinition(
        name=_name(fields),
        runtime=_runtime(fields["runtime"]),
        environment=read_environment(fields["environment"]),
        working_dir=fields.text("working_dir", DEFAULT_WORKING_DIR),
        shell=fields.text("shell", DEFAULT_SHELL),
        user=fields.text("user"),
        steps=read_steps(fields["steps"]),
        depends=tuple(dependency for _, dependency in depends),
        ignore_failure=fields.flag("ignore_failure"),
        approval=fields.flag("approval"),
        when=read_when(fields["when"]),
        registries=read_registries(fields[_REGISTRIES]),
        timeout=read_timeout(fields[_TIMEOUT]),
    )
    return Vertex(task, cursor, tuple(place for place, _ in depends))


_TASK_KEYS = (
    "name",
    "runtime",
    "environment",
    "working_dir",
    "shell",
    "user",
    "steps",
    "depends",
    "ignore_failure",
    "approval",
    "when",
    _REGISTRIES,
    _TIMEOUT,
)


def _name(fields: Fields) -> str:
    name = fields.required("name")
    if len(name.encode()) > MAX_NAME_BYTES:
        fields["name"].error(f"the name is longer than {MAX_NAME_BYTES} bytes")
    return name


def _runtime(cursor: Cursor) -> RuntimeDefinition:
    fields = cursor.fields("type", "arch", "containers", "labels")
    if fields.text("type", "pod") != "pod":
        fields["type"].error("the only type of runtime is pod")
    return RuntimeDefinition(
        arch=_arch(fields["arch"]),
        containers=tuple(_container(item) for item in fields["containers"].items()),
        labels={key: value.text() for key, value in fields["labels"].entries()},
    )


def _arch(cursor: Cursor) -> Arch | None:
    text = cursor.text()
    known = {arch.value: arch for arch in Arch}
    if text and text not in known:
        cursor.error(f'"{text[:40]}" is no known architecture', did_you_mean(text, known))
    return known.get(text)


def _container(cursor: Cursor) -> ContainerDefinition:
    if cursor.is_null:
        cursor.error("the container is empty", "write its image")
        return ContainerDefinition()
    fields = cursor.fields("image", "environment", "user", "privileged", "entrypoint", "volumes")
    return ContainerDefinition(
        image=fields.text("image"),
        environment=read_environment(fields["environment"]),
        user=fields.text("user"),
        privileged=fields.flag("privileged"),
        entrypoint=fields.text("entrypoint"),
        volumes=tuple(_volume(item) for item in fields["volumes"].items()),
    )


def _volume(cursor: Cursor) -> Tmpfs:
    fields = cursor.fields("path", "tmpfs")
    if "tmpfs" not in fields:
        cursor.error("a volume without a type", "tmpfs: {} is a file system in memory")
    size = fields["tmpfs"].fields("size")["size"]
    return Tmpfs(path=fields.required("path"), size=read_size(size))


def _dependencies(cursor: Cursor) -> Iterator[tuple[Cursor, Dependency]]:
    for item in cursor.items():
        entries = dict(item.entries()) if isinstance(item.node, Mapping) else {}
        if isinstance(item.node, Scalar):
            yield item, Dependency(task=_parent(item))
        elif any(key.lower() == "task" for key in entries):
            fields = item.fields("task", "conditions")
            conditions = _conditions(fields["conditions"])
            yield item, Dependency(task=_parent(fields["task"]), conditions=conditions)
        elif len(entries) == 1:
            [(name, value)] = entries.items()
            yield item, Dependency(task=name, conditions=_conditions(value))
        else:
            item.error(
                "this does not say which task to wait for",
                "NAME, or NAME: [on_success], or {task: NAME, conditions: [on_success]}",
            )


def _parent(cursor: Cursor) -> str:
    name = cursor.text()
    if not name:
        cursor.error("the name of the task to wait for is empty")
    return name


def _conditions(cursor: Cursor) -> tuple[Condition, ...]:
    """Read conditions; none at all is success.  One that does not exist is never met."""
    texts = cursor.texts()
    known = {condition.value: condition for condition in Condition}
    for text in texts:
        if text not in known:
            message = f'"{text[:40]}" is no condition, so it is never met'
            cursor.warning(message, did_you_mean(text, known))
    if not texts:
        return (Condition.ON_SUCCESS,)
    return tuple(dict.fromkeys(known[text] for text in texts if text in known))
