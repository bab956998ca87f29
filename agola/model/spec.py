"""What an executor has to do for a task, derived from the run config."""

from agola.model.executor import ExecutorTaskSpecData, WorkspaceArchive
from agola.model.graph import ancestors
from agola.model.group import root_name
from agola.model.run_config import RunConfig, SaveToWorkspaceStep, TaskID

COUNTER_VARIABLE = "AGOLA_RUN_COUNTER"


def spec_data(config: RunConfig, task_id: TaskID, *, counter: int) -> ExecutorTaskSpecData:
    """Say what to do for a task of the run with the number *counter*.

    Environment: the run's wins over the static, and that over the task's.
    """
    task = config.tasks[task_id]
    environment = task.environment | {COUNTER_VARIABLE: str(counter)}
    return ExecutorTaskSpecData(
        task_name=task.name,
        run_name=config.name,
        runtime=task.runtime,
        environment=environment | config.static_environment | config.environment,
        working_dir=task.working_dir,
        shell=task.shell,
        user=task.user,
        steps=task.steps,
        source=config.source,
        workspace=workspace(config, task_id),
        cache_prefix=config.cache_group or root_name(config.group),
        registries=task.registries,
        timeout=task.timeout,
    )


def workspace(config: RunConfig, task_id: TaskID) -> tuple[WorkspaceArchive, ...]:
    """Name what all tasks before this one saved: by level, name and step, as they are unpacked."""
    return tuple(
        WorkspaceArchive(task_id=task.id, step=index, task_name=task.name)
        for task in ancestors(config.tasks, task_id)
        for index, step in enumerate(task.steps)
        if isinstance(step, SaveToWorkspaceStep)
    )
