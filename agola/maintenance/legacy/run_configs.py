"""The original's run configs, and what they are here."""

from enum import Enum

from msgspec import Struct, structs

from agola.core.errors import BadRequestError
from agola.maintenance.legacy.document import read
from agola.maintenance.legacy.entries import Entry, Place, invalid
from agola.maintenance.legacy.run_ids import check_run_id
from agola.maintenance.legacy.runtimes import LegacyAuth, LegacyRuntime, registry_auth, runtime
from agola.maintenance.legacy.steps import LegacyStep, step
from agola.model.graph import levels
from agola.model.group import check_group
from agola.model.run_config import (
    DEFAULT_SHELL,
    DEFAULT_WORKING_DIR,
    Condition,
    Depend,
    GitSource,
    RunConfig,
    RunID,
    TaskConfig,
    TaskID,
)


class _Condition(Enum):
    ON_SUCCESS = "on_success"
    ON_FAILURE = "on_failure"
    ON_SKIPPED = "on_skipped"


class _Depend(Struct, frozen=True):
    conditions: tuple[_Condition, ...] = ()


class _Task(Struct, frozen=True):
    id: str
    name: str
    depends: dict[str, _Depend] = {}
    runtime: LegacyRuntime = LegacyRuntime()
    environment: dict[str, str] = {}
    working_dir: str = ""
    shell: str = ""
    user: str = ""
    steps: tuple[LegacyStep, ...] = ()
    ignore_failure: bool = False
    needs_approval: bool = False
    skip: bool = False
    docker_registries_auth: dict[str, LegacyAuth] = {}


class _RunConfig(Struct, frozen=True):
    id: str
    name: str
    group: str
    setup_errors: tuple[str, ...] = ()
    annotations: dict[str, str] = {}
    static_environment: dict[str, str] = {}
    environment: dict[str, str] = {}
    tasks: dict[str, _Task] = {}
    cache_group: str = ""


def run_config(entry: Entry) -> RunConfig:
    """Read a run config.  BadRequestError: EXPORT_INVALID.

    A run with setup errors has no tasks here: none of them ever ran, nor could.
    """
    place, source = entry.place, read(entry, _RunConfig)
    check_run_id(place, source.id)
    checked_group(place, source.group)
    git_source = _git_source(source.static_environment)
    tasks = {} if source.setup_errors else source.tasks
    return RunConfig(
        id=RunID(source.id),
        name=source.name,
        group=source.group,
        annotations=source.annotations,
        setup_errors=source.setup_errors,
        tasks=_levelled(
            place,
            {
                TaskID(id_): _task(place, id_, task, clones=git_source is not None)
                for id_, task in tasks.items()
            },
        ),
        static_environment=source.static_environment,
        environment=source.environment,
        cache_group=source.cache_group,
        source=git_source,
    )


def checked_group(place: Place, group: str) -> str:
    """Give a run group back.  BadRequestError: EXPORT_INVALID."""
    try:
        return check_group(group)
    except BadRequestError as error:
        raise invalid(place, f"cannot be kept: {error.message}") from error


def _git_source(environment: dict[str, str]) -> GitSource | None:
    """Say what the run's clone steps fetch: the original tells their script by its environment."""
    url = environment.get("AGOLA_REPOSITORY_URL")
    if not url:
        return None
    return GitSource(
        url=url,
        ref=environment.get("AGOLA_GIT_REF", ""),
        commit=environment.get("AGOLA_GIT_COMMITSHA", ""),
    )


def _task(place: Place, id_: str, source: _Task, *, clones: bool) -> TaskConfig:
    if source.id != id_ or not id_ or "/" in id_:
        raise invalid(place, f"has a task {id_!r} with the id {source.id!r}")
    return TaskConfig(
        id=TaskID(source.id),
        name=source.name,
        depends=tuple(_depend(parent, depend) for parent, depend in source.depends.items()),
        runtime=runtime(source.runtime),
        environment=source.environment,
        working_dir=source.working_dir or DEFAULT_WORKING_DIR,
        shell=source.shell or DEFAULT_SHELL,
        user=source.user,
        steps=tuple(step(one, clones=clones) for one in source.steps),
        ignore_failure=source.ignore_failure,
        needs_approval=source.needs_approval,
        skip=source.skip,
        registries={
            name: registry_auth(auth) for name, auth in source.docker_registries_auth.items()
        },
    )


def _depend(parent: str, source: _Depend) -> Depend:
    conditions = tuple(Condition(one.value) for one in source.conditions)
    return Depend(task_id=TaskID(parent), conditions=conditions or (Condition.ON_SUCCESS,))


def _levelled(place: Place, tasks: dict[TaskID, TaskConfig]) -> dict[TaskID, TaskConfig]:
    """Give the tasks with their levels, which not every version of the original wrote."""
    for task in tasks.values():
        for depend in task.depends:
            if depend.task_id not in tasks:
                problem = f"has a task {task.name!r} that depends on {depend.task_id!r}, no task"
                raise invalid(place, problem)
    found = levels(tasks)
    if found is None:
        raise invalid(place, "has tasks that depend on each other in a circle")
    return {id_: structs.replace(task, level=found[id_]) for id_, task in tasks.items()}
