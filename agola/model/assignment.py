"""What an executor is told about its tasks.  In a stream of these, None is a heartbeat."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from agola.model.executor import Executor, ExecutorTask, ExecutorTaskSpecData, SessionID
from agola.model.run_config import TaskID


@dataclass(frozen=True, slots=True)
class Registration:
    """A session of an executor: what it must prove, and how often."""

    session: SessionID
    keep_alive: timedelta
    lease: timedelta


@dataclass(frozen=True, slots=True)
class ExecutorLoad:
    """An executor, and how many tasks it has."""

    executor: Executor
    active_tasks: int


@dataclass(frozen=True, slots=True)
class AssignedTasks:
    """Names every task of the executor; each follows as an `AssignedTask`.  Always first."""

    task_ids: tuple[TaskID, ...]


@dataclass(frozen=True, slots=True)
class AssignedTask:
    """A task that is new or different, and what to do (None: it has ended)."""

    task: ExecutorTask
    spec: ExecutorTaskSpecData | None


@dataclass(frozen=True, slots=True)
class ReleasedTask:
    """A task that is done with: the executor may forget it."""

    task_id: TaskID


Assignment: TypeAlias = AssignedTasks | AssignedTask | ReleasedTask
