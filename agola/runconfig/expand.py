"""From a definition to what the runservice carries out.  Pure: same input, same output."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import structs

from agola.core.ids import Ids
from agola.model.run_config import (
    Container,
    Depend,
    RegistryAuth,
    RunStep,
    Runtime,
    Step,
    TaskConfig,
    TaskID,
)
from agola.runconfig.context import Context
from agola.runconfig.definition import (
    Definition,
    Registry,
    RunDefinition,
    RuntimeDefinition,
    StepDefinition,
    TaskDefinition,
)
from agola.runconfig.graph import levels
from agola.runconfig.inputs import environment_of
from agola.runconfig.values import resolve, resolve_all
from agola.runconfig.when import matches

Variables = Mapping[str, str]

_NO_INPUTS: Mapping[str, str] = MappingProxyType({})


def expand(definition: Definition) -> Definition:
    """Write what is said of the file into its runs, and what is said of a run into its tasks.

    What is nearer to the task wins: its timeout, and its credentials registry by registry.
    """
    runs = tuple(_expand_run(definition, run) for run in definition.runs)
    return structs.replace(definition, runs=runs)


def _expand_run(definition: Definition, run: RunDefinition) -> RunDefinition:
    registries = {**definition.registries, **run.registries}
    timeout = run.timeout if run.timeout is not None else definition.timeout
    tasks = tuple(
        structs.replace(
            task,
            registries={**registries, **task.registries},
            timeout=task.timeout if task.timeout is not None else timeout,
        )
        for task in run.tasks
    )
    return structs.replace(run, tasks=tasks, registries=registries, timeout=timeout)


def compile_run(
    run: RunDefinition,
    *,
    ids: Ids,
    variables: Variables,
    context: Context,
    inputs: Mapping[str, str] = _NO_INPUTS,
) -> dict[TaskID, TaskConfig]:
    """Give the tasks of an expanded run without errors, in the order of the file.

    Values get their variables' text.  A task whose `when` is not meant for the ref is skipped, a
    step is left out.  *inputs* are what a person said who started the run, and are sound.
    """
    said = environment_of(run.inputs, inputs)
    level = levels(run.tasks)
    task_ids = {task.name: TaskID(ids.uuid()) for task in run.tasks}
    return {
        task_ids[task.name]: structs.replace(
            _task(task, task_ids, variables, said),
            level=level[task.name],
            skip=not matches(task.when, context),
            steps=tuple(
                _step(step, variables) for step in task.steps if matches(step.when, context)
            ),
        )
        for task in run.tasks
    }


def _task(
    task: TaskDefinition,
    task_ids: Mapping[str, TaskID],
    variables: Variables,
    said: Mapping[str, str],
) -> TaskConfig:
    return TaskConfig(
        id=task_ids[task.name],
        name=task.name,
        depends=tuple(
            Depend(task_id=task_ids[depend.task], conditions=depend.conditions)
            for depend in task.depends
        ),
        runtime=_runtime(task.runtime, variables),
        environment={**said, **resolve_all(task.environment, variables)},
        working_dir=task.working_dir,
        shell=task.shell,
        user=task.user,
        ignore_failure=task.ignore_failure,
        needs_approval=task.approval,
        timeout=task.timeout or None,
        registries={
            host: _registry(registry, variables) for host, registry in task.registries.items()
        },
        retry=task.retry,
    )


def _runtime(runtime: RuntimeDefinition, variables: Variables) -> Runtime:
    containers = tuple(
        Container(
            image=container.image,
            environment=resolve_all(container.environment, variables),
            user=container.user,
            privileged=container.privileged,
            entrypoint=container.entrypoint,
            volumes=container.volumes,
            health_check=container.health_check,
            resources=container.resources,
        )
        for container in runtime.containers
    )
    return Runtime(arch=runtime.arch, containers=containers, labels=runtime.labels)


def _step(definition: StepDefinition, variables: Variables) -> Step:
    step = definition.step
    if isinstance(step, RunStep):
        environment = resolve_all(definition.environment, variables)
        return structs.replace(step, environment=environment)
    return step


def _registry(registry: Registry, variables: Variables) -> RegistryAuth:
    return RegistryAuth(
        username=resolve(registry.username, variables),
        password=resolve(registry.password, variables),
        auth=resolve(registry.auth, variables),
    )
