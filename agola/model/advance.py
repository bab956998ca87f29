"""The decision that moves a run: what is true now gives what has to be done.

A pure function, and a fixed point: deciding again on what was decided decides nothing new.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec import structs

from agola.model.executor import ExecutorTask
from agola.model.graph import by_level
from agola.model.run import Phase, Result, Run, Task, TaskStatus
from agola.model.run_config import (
    Condition,
    Depend,
    RunConfig,
    SaveToWorkspaceStep,
    TaskConfig,
    TaskID,
)

MATCHING = {
    TaskStatus.SUCCESS: Condition.ON_SUCCESS,
    TaskStatus.FAILED: Condition.ON_FAILURE,
    TaskStatus.SKIPPED: Condition.ON_SKIPPED,
}
"""How a parent has to end for a condition.  Stopped and cancelled parents match none."""

Tasks = Mapping[TaskID, Task]
ExecutorTasks = Mapping[TaskID, ExecutorTask]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from the state of a run."""

    run: Run
    tasks: tuple[Task, ...] = ()
    """The tasks that are different now."""
    assign: tuple[TaskID, ...] = ()
    """The tasks that may start, as soon as an executor has room: by level and name."""
    stop: tuple[TaskID, ...] = ()
    """The executor tasks that are to stop and do not know it."""


def advance(
    run: Run, tasks: Tasks, config: RunConfig, executor_tasks: ExecutorTasks, *, now: datetime
) -> Decision:
    """Decide how a run goes on.  Only a running one does.

    *executor_tasks* are those of the run: a task that has one has been given to an executor, and
    keeps it until its logs and archives are stored.  The result is set as soon as it is certain;
    the run is finished when besides every task has ended and no executor task is left.
    """
    if run.phase is not Phase.RUNNING:
        return Decision(run=run)
    run = structs.replace(run, result=_result(run, tasks, config))
    after = _settle(run, tasks, config, executor_tasks)
    run = structs.replace(run, result=_result(run, after, config))
    if _done(after) and not executor_tasks:
        run = structs.replace(run, phase=Phase.FINISHED, end_time=now)
    return Decision(
        run=run,
        tasks=tuple(task for id_, task in after.items() if task != tasks[id_]),
        assign=_ready(after, config, executor_tasks),
        stop=_stops(run, executor_tasks),
    )


def _done(tasks: Tasks) -> bool:
    return all(task.status.ended for task in tasks.values())


def _result(run: Run, tasks: Tasks, config: RunConfig) -> Result:
    """Say the result as far as it is certain.  A result that is known stays."""
    if run.result is not Result.UNKNOWN:
        return run.result
    statuses = {task.status for task in tasks.values() if not config.tasks[task.id].ignore_failure}
    if TaskStatus.FAILED in statuses:
        return Result.FAILED
    if run.stop and not _done(tasks):
        return Result.STOPPED
    if not _done(tasks):
        return Result.UNKNOWN
    ended_early = {TaskStatus.STOPPED, TaskStatus.CANCELLED}
    if any(task.status in ended_early for task in tasks.values()):
        return Result.STOPPED
    return Result.SUCCESS


def _settle(
    run: Run, tasks: Tasks, config: RunConfig, executor_tasks: ExecutorTasks
) -> dict[TaskID, Task]:
    """Skip, cancel and hold back what has not been given out: parents first, so in one pass."""
    after = dict(tasks)
    for task_config in by_level(config.tasks):
        task = after[task_config.id]
        if task.status is TaskStatus.NOT_STARTED and task.id not in executor_tasks:
            after[task.id] = _settled(run, task, task_config, after)
    return after


def _settled(run: Run, task: Task, config: TaskConfig, tasks: Tasks) -> Task:
    if run.stop:
        return structs.replace(task, status=TaskStatus.SKIPPED, waiting_approval=False)
    if run.result is not Result.UNKNOWN and not config.depends:
        return structs.replace(task, status=TaskStatus.CANCELLED, waiting_approval=False)
    parents_ended = all(tasks[depend.task_id].status.ended for depend in config.depends)
    if parents_ended and not _met(config, tasks):
        return structs.replace(task, status=TaskStatus.SKIPPED, waiting_approval=False)
    waits = parents_ended and config.needs_approval and not task.approved
    return structs.replace(task, waiting_approval=waits)


def _met(config: TaskConfig, tasks: Tasks) -> bool:
    return all(_matches(depend, tasks[depend.task_id]) for depend in config.depends)


def _matches(depend: Depend, parent: Task) -> bool:
    return MATCHING.get(parent.status) in depend.conditions


def _ready(tasks: Tasks, config: RunConfig, executor_tasks: ExecutorTasks) -> tuple[TaskID, ...]:
    """Name the tasks that nothing holds back any more."""
    return tuple(
        task.id
        for task in by_level(config.tasks)
        if tasks[task.id].status is TaskStatus.NOT_STARTED
        and task.id not in executor_tasks
        and (tasks[task.id].approved or not task.needs_approval)
        and all(
            _available(config.tasks[depend.task_id], tasks, executor_tasks)
            for depend in task.depends
        )
        and _met(task, tasks)
    )


def _available(parent: TaskConfig, tasks: Tasks, executor_tasks: ExecutorTasks) -> bool:
    """Say whether a parent has ended, and what it saved can be restored."""
    if not tasks[parent.id].status.ended:
        return False
    saves = any(isinstance(step, SaveToWorkspaceStep) for step in parent.steps)
    return parent.id not in executor_tasks or not saves


def _stops(run: Run, executor_tasks: ExecutorTasks) -> tuple[TaskID, ...]:
    return tuple(
        id_
        for id_, task in sorted(executor_tasks.items())
        if run.stop and not task.stop and not task.status.phase.ended
    )
