"""Executors, and the tasks in their hands."""

from datetime import datetime, timedelta
from enum import Enum
from typing import NewType

from msgspec import Struct, field

from agola.model.run import StepState
from agola.model.run_config import Arch, GitSource, RegistryAuth, RunID, Runtime, Step, TaskID

ExecutorID = NewType("ExecutorID", str)
SessionID = NewType("SessionID", str)
"""One registration of an executor: the fencing token of everything that it writes."""


class Executor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process that carries out tasks."""

    id: ExecutorID
    name: str
    address: str
    """Where the runservice reaches it: a gRPC target."""
    archs: tuple[Arch, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    slots: int = 2
    privileged: bool = False
    """It runs privileged containers."""
    driver: str = "process"
    version: str = ""
    draining: bool = False
    register_time: datetime | None = None
    session: SessionID = SessionID("")
    format: int = 1


class ExecutorTaskPhase(Enum):
    """How far an executor has come with a task."""

    NOT_STARTED = "notstarted"
    CANCELLED = "cancelled"
    RUNNING = "running"
    STOPPED = "stopped"
    SUCCESS = "success"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self not in {ExecutorTaskPhase.NOT_STARTED, ExecutorTaskPhase.RUNNING}


class ExecutorTaskStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an executor says of a task: always the whole, counted by `sequence`."""

    sequence: int = 0
    phase: ExecutorTaskPhase = ExecutorTaskPhase.NOT_STARTED
    setup: StepState = StepState(name="setup", kind="setup")
    steps: tuple[StepState, ...] = ()
    start_time: datetime | None = None
    end_time: datetime | None = None
    failure: str = ""
    timed_out: bool = False


class WorkspaceArchive(Struct, frozen=True, kw_only=True):
    """An archive that a task saved: its step, and the task's name for messages."""

    task_id: TaskID
    step: int
    task_name: str = ""


class ExecutorTaskSpecData(Struct, frozen=True, kw_only=True):
    """What an executor has to do.  Derived from run and run config each time; never stored."""

    task_name: str
    run_name: str
    runtime: Runtime = Runtime()
    environment: dict[str, str] = field(default_factory=dict)
    working_dir: str = "~/project"
    shell: str = "/bin/sh -e"
    user: str = ""
    steps: tuple[Step, ...] = ()
    source: GitSource | None = None
    workspace: tuple[WorkspaceArchive, ...] = ()
    """In the order to unpack them."""
    cache_prefix: str = ""
    registries: dict[str, RegistryAuth] = field(default_factory=dict)
    timeout: timedelta | None = None


class ExecutorTask(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One task in the hands of one executor.  There is at most one for a task, ever."""

    task_id: TaskID
    run_id: RunID
    executor_id: ExecutorID
    stop: bool = False
    status: ExecutorTaskStatus = ExecutorTaskStatus()
    stored: bool = False
    """Its logs and archives are stored: the executor may forget it."""
    format: int = 1
