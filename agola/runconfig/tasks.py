"""Readers of the tasks of a run: those that are written, and those that matrices make of them."""

from collections.abc import Iterator, Sequence

from msgspec import structs

from agola.model.run_config import (
    DEFAULT_SHELL,
    DEFAULT_WORKING_DIR,
    MAX_EXIT_CODE,
    MAX_RETRY_ATTEMPTS,
    Condition,
    FailureCause,
    Retry,
)
from agola.runconfig.cursor import Cursor, Fields
from agola.runconfig.definition import Dependency, RuntimeDefinition, TaskDefinition
from agola.runconfig.graph import Vertex, check_graph
from agola.runconfig.keys import DEPEND, FAILURES, MAX_NAME_BYTES, RETRY, TASK
from agola.runconfig.matrix import affordable, expanded_name, read_matrix, replaced
from agola.runconfig.quantity import read_duration
from agola.runconfig.runtime import read_runtime
from agola.runconfig.scalar import canonical
from agola.runconfig.steps import read_steps
from agola.runconfig.tree import Mapping, Scalar
from agola.runconfig.tree import Sequence as List
from agola.runconfig.values import read_environment, read_registries
from agola.runconfig.when import read_when

MAX_TASKS = 10_000
"""How many tasks a run may have."""
MAX_EDGES = 250_000
"""How many pairs of a task and one it waits for a file may have."""

_CONDITIONS = {one.value: one for one in Condition if one is not Condition.NEVER}


def read_tasks(cursor: Cursor, inputs: frozenset[str]) -> tuple[TaskDefinition, ...]:
    """Read the tasks of a run that sets the environment variables *inputs* for all of them."""
    items = list(cursor.items())
    if not items:
        cursor.warning("the run has no tasks")
    if len(items) > MAX_TASKS:
        cursor.error(f"a run may have {MAX_TASKS:,} tasks, this one has {len(items):,}")
        return ()
    families = [(item, _family(item, inputs)) for item in items]
    vertices = [vertex for _, family in families for vertex in family]
    if len(vertices) > MAX_TASKS:
        cursor.error(f"a run may have {MAX_TASKS:,} tasks, with matrices this one has more")
        return ()
    check_names("task", [(vertex.cursor, vertex.task.name) for vertex in vertices])
    vertices = _with_families(vertices, families)
    if cursor.problems.spend("edges", 0) <= MAX_EDGES:
        check_graph([vertex for vertex in vertices if vertex.task.name])
    return tuple(vertex.task for vertex in vertices)


def check_names(what: str, named: Sequence[tuple[Cursor, str]]) -> None:
    """Refuse a name that an earlier run or task has."""
    lines: dict[str, int] = {}
    for cursor, name in named:
        if name in lines:
            cursor.error(f'the {what} in line {lines[name]} is called "{name[:100]}", too')
        elif name:
            lines[name] = cursor.node.line


def read_name(fields: Fields) -> str:
    """Read the name of a run or a task."""
    name = fields.required("name", plain=True)
    if len(name.encode()) > MAX_NAME_BYTES:
        fields["name"].error(f"the name is longer than {MAX_NAME_BYTES} bytes")
    return name


def _family(cursor: Cursor, inputs: frozenset[str]) -> list[Vertex]:
    """Read a task: one, or as many as its matrix makes."""
    if cursor.is_null:
        cursor.error("the task is empty", "write its name and its steps")
        return []
    fields = cursor.fields(TASK)
    name = read_name(fields)
    if "matrix" not in fields or fields["matrix"].is_null:
        return [_task(cursor, fields, name, inputs)]
    combinations = read_matrix(fields["matrix"])
    if not affordable(cursor, len(combinations)):
        return []
    family = []
    for combination in combinations:
        full = expanded_name(name, combination)
        if len(full.encode()) > MAX_NAME_BYTES:
            message = f'the name "{full[:100]}" is longer than {MAX_NAME_BYTES} bytes'
            cursor.error(message, "the names of a matrix have its values in them")
        one = replaced(cursor, combination)
        vertex = _task(one, one.fields(TASK), full if name else "", inputs)
        matrix = {axis: value.text for axis, value in combination.items()}
        family.append(structs.replace(vertex, task=structs.replace(vertex.task, matrix=matrix)))
    return family


def _task(cursor: Cursor, fields: Fields, name: str, inputs: frozenset[str]) -> Vertex:
    depends = list(_dependencies(fields["depends"])) if "depends" in fields else []
    runtime = read_runtime(fields["runtime"])
    environment = read_environment(fields["environment"])
    own = inputs | environment.keys() | _names(runtime)
    task = TaskDefinition(
        name=name,
        runtime=runtime,
        environment=environment,
        working_dir=fields.plain("working_dir", DEFAULT_WORKING_DIR),
        shell=fields.plain("shell", DEFAULT_SHELL),
        user=fields.plain("user"),
        steps=read_steps(fields["steps"], own),
        depends=tuple(dependency for _, dependency in depends),
        ignore_failure=fields.flag("ignore_failure"),
        approval=fields.flag("approval"),
        when=read_when(fields["when"]) if "when" in fields else None,
        registries=read_registries(fields["docker_registries_auth"]),
        timeout=read_duration(fields["task_timeout_interval"]),
        retry=_retry(fields["retry"]) if "retry" in fields else Retry(),
    )
    return Vertex(task, cursor, tuple(place for place, _ in depends))


def _names(runtime: RuntimeDefinition) -> frozenset[str]:
    """Give the environment variables of the container that runs the steps."""
    return frozenset(runtime.containers[0].environment) if runtime.containers else frozenset()


def _with_families(
    vertices: list[Vertex], families: list[tuple[Cursor, list[Vertex]]]
) -> list[Vertex]:
    """Let those that wait for a task with a matrix wait for all the tasks that it makes."""
    names: dict[str, list[str]] = {}
    single = {vertex.task.name for vertex in vertices if not vertex.task.matrix}
    for cursor, family in families:
        if family and family[0].task.matrix:
            name = read_name(cursor.fields(TASK))
            if name and (name in single or name in names):
                cursor.error(f'another task is called "{name[:100]}", too')
            names[name] = [vertex.task.name for vertex in family]
    return [_spread(vertex, names) for vertex in vertices] if names else vertices


def _spread(vertex: Vertex, families: dict[str, list[str]]) -> Vertex:
    if vertex.cursor.problems.spend("edges", 0) > MAX_EDGES:
        return vertex
    spread = [
        (place, structs.replace(dependency, task=name))
        for place, dependency in zip(vertex.places, vertex.task.depends, strict=True)
        for name in families.get(dependency.task, [dependency.task])
    ]
    if vertex.cursor.problems.spend("edges", len(spread)) > MAX_EDGES:
        vertex.cursor.error(f"more than {MAX_EDGES:,} tasks are waited for")
        return vertex
    task = structs.replace(vertex.task, depends=tuple(dependency for _, dependency in spread))
    return structs.replace(vertex, task=task, places=tuple(place for place, _ in spread))


def _dependencies(cursor: Cursor) -> Iterator[tuple[Cursor, Dependency]]:
    for item in cursor.items():
        entries = dict(item.entries()) if isinstance(item.node, Mapping) else {}
        if isinstance(item.node, Scalar):
            yield item, Dependency(task=_parent(item))
        elif _is_written_out(entries):
            fields = item.fields(DEPEND)
            conditions = _conditions(fields["conditions"])
            yield item, Dependency(task=_parent(fields["task"]), conditions=conditions)
        elif len(entries) == 1 and isinstance(item.node, Mapping):
            [(name, value)] = entries.items()
            parent = canonical(item.node.entries[name].key)
            yield item, Dependency(task=parent, conditions=_conditions(value))
        else:
            item.error(
                "this does not say which task to wait for",
                "NAME, or NAME: [on_success], or {task: NAME, conditions: [on_success]}",
            )


def _is_written_out(entries: dict[str, Cursor]) -> bool:
    """Tell `{task: NAME}` from `{NAME: [CONDITION]}` of a task that is called "task"."""
    named = [value for key, value in entries.items() if key.lower() == "task"]
    return bool(named) and not (len(entries) == 1 and isinstance(named[0].node, List))


def _parent(cursor: Cursor) -> str:
    """Read the name of a task, as the name itself is read."""
    name = canonical(cursor.node) if isinstance(cursor.node, Scalar) else cursor.text()
    if not name and isinstance(cursor.node, Scalar):
        cursor.error("the name of the task to wait for is empty")
    return name


def _conditions(cursor: Cursor) -> tuple[Condition, ...]:
    """Read conditions; none at all is success.  One that does not exist is never met."""
    texts = cursor.texts()
    for text in texts:
        if text not in _CONDITIONS:
            message = f'"{text[:40]}" is no condition, so it is never met'
            cursor.warning(message, cursor.guess(text, _CONDITIONS))
    if not texts:
        return (Condition.ON_SUCCESS,)
    known = [_CONDITIONS[text] for text in texts if text in _CONDITIONS]
    return tuple(dict.fromkeys(known)) or (Condition.NEVER,)


def _retry(cursor: Cursor) -> Retry:
    """Read how often a task is tried, and after what: a number, or a mapping."""
    if cursor.is_null:
        return Retry()
    said = "a number of attempts"
    if isinstance(cursor.node, Scalar):
        attempts = cursor.number(1, MAX_RETRY_ATTEMPTS, said)
        return Retry(attempts=attempts or 1, causes=(FailureCause.ANY,))
    fields = cursor.fields(RETRY)
    attempts = fields["attempts"].number(1, MAX_RETRY_ATTEMPTS, said)
    if isinstance(cursor.node, Mapping) and "attempts" not in fields:
        cursor.error('"attempts" is missing')
    causes = dict.fromkeys(_causes(fields["failures"]))
    codes = dict.fromkeys(_codes(fields["exit_codes"]))
    default = () if "failures" in fields or codes else (FailureCause.ANY,)
    return Retry(attempts=attempts or 1, causes=tuple(causes) or default, exit_codes=tuple(codes))


def _causes(cursor: Cursor) -> Iterator[FailureCause]:
    for text in cursor.texts():
        if text in FAILURES:
            yield FailureCause(text)
        else:
            cursor.error(f'"{text[:40]}" is no kind of failure', cursor.guess(text, FAILURES))


def _codes(cursor: Cursor) -> Iterator[int]:
    for item in cursor.items() if isinstance(cursor.node, List) else [cursor]:
        code = item.number(1, MAX_EXIT_CODE, "an exit code")
        if code is not None:
            yield code
