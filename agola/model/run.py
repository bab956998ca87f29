"""Runs and their tasks: what is known of them while they live, and afterwards."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from msgspec import Struct, field, structs

from agola.model.run_config import RunConfig, RunID, Step, TaskConfig, TaskID


class Phase(Enum):
    """The stages of a run.  A stage never goes back."""

    SETUP_ERROR = "setuperror"
    QUEUED = "queued"
    CANCELLED = "cancelled"
    RUNNING = "running"
    FINISHED = "finished"

    @property
    def ended(self) -> bool:
        return self in {Phase.SETUP_ERROR, Phase.CANCELLED, Phase.FINISHED}


class Result(Enum):
    """How a run ended.  May be known while its last tasks still end."""

    UNKNOWN = "unknown"
    STOPPED = "stopped"
    SUCCESS = "success"
    FAILED = "failed"


class TaskStatus(Enum):
    """How far a task has come.  A status never goes back."""

    NOT_STARTED = "notstarted"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    RUNNING = "running"
    STOPPED = "stopped"
    SUCCESS = "success"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self not in {TaskStatus.NOT_STARTED, TaskStatus.RUNNING}


class StepPhase(Enum):
    """How far a step has come."""

    NOT_STARTED = "notstarted"
    RUNNING = "running"
    STOPPED = "stopped"
    SUCCESS = "success"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in {StepPhase.STOPPED, StepPhase.SUCCESS, StepPhase.FAILED}


SETUP_KIND = "setup"


class StepState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a task, or its setup, as it is now."""

    name: str = ""
    kind: str = ""
    """`setup`, or the tag of the step's class: `run`, `clone`, …."""
    phase: StepPhase = StepPhase.NOT_STARTED
    start_time: datetime | None = None
    end_time: datetime | None = None
    exit_code: int | None = None
    signal: str = ""
    """The name of the signal that ended its command, such as `SIGKILL`."""
    log_size: int | None = None
    """Bytes of its log, once the log is complete and stored."""


class Run(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One execution of a run config, without its tasks."""

    id: RunID
    name: str
    group: str
    counter: int
    create_time: datetime
    annotations: dict[str, str] = field(default_factory=dict)
    phase: Phase = Phase.QUEUED
    result: Result = Result.UNKNOWN
    stop: bool = False
    """Somebody asked to stop it."""
    setup_errors: tuple[str, ...] = ()
    start_time: datetime | None = None
    end_time: datetime | None = None
    request_id: str = ""
    task_count: int = 0
    format: int = 1


class Task(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One task of a run, as it is now."""

    id: TaskID
    name: str
    level: int = 0
    parents: tuple[TaskID, ...] = ()
    status: TaskStatus = TaskStatus.NOT_STARTED
    skip: bool = False
    waiting_approval: bool = False
    approved: bool = False
    setup: StepState = StepState(name="setup", kind=SETUP_KIND)
    steps: tuple[StepState, ...] = ()
    start_time: datetime | None = None
    end_time: datetime | None = None
    failure: str = ""
    timed_out: bool = False
    executor_id: str = ""
    stored: bool = False
    """Its logs and workspace archives are in object storage, as far as there are any."""


class ArchivedRun(Struct, frozen=True, kw_only=True):
    """A run that has ended, with its tasks: what is kept for good."""

    run: Run
    tasks: tuple[Task, ...]
    format: int = 1


def step_kind(step: Step) -> str:
    """Say what kind of step this is: the tag of its class."""
    return str(step.__struct_config__.tag)


def initial_task(config: TaskConfig) -> Task:
    """Make the state that a task has when its run is created."""
    return Task(
        id=config.id,
        name=config.name,
        level=config.level,
        parents=tuple(depend.task_id for depend in config.depends),
        skip=config.skip,
        status=TaskStatus.SKIPPED if config.skip else TaskStatus.NOT_STARTED,
        steps=tuple(StepState(name=step.name, kind=step_kind(step)) for step in config.steps),
    )


def initial_tasks(config: RunConfig) -> dict[TaskID, Task]:
    """Make the states of all tasks, by level and name."""
    ordered = sorted(config.tasks.values(), key=lambda task: (task.level, task.name))
    return {task.id: initial_task(task) for task in ordered}


def ordered(tasks: Mapping[TaskID, Task]) -> tuple[Task, ...]:
    """Give the tasks by level and name: the order that people see."""
    return tuple(sorted(tasks.values(), key=lambda task: (task.level, task.name)))


def with_log_size(state: StepState, size: int) -> StepState:
    """Say that the log of a step is complete and stored."""
    return structs.replace(state, log_size=size)
