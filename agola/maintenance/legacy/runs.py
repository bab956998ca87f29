"""The original's runs that have ended, and what they are here."""

from enum import Enum
from typing import Annotated

from msgspec import Meta, Struct

from agola.maintenance.legacy.document import Moment, moment
from agola.maintenance.legacy.entries import Place, invalid
from agola.maintenance.legacy.run_configs import checked_group
from agola.maintenance.legacy.run_ids import epoch
from agola.model.run import (
    SETUP_KIND,
    ArchivedRun,
    Phase,
    Result,
    Run,
    StepPhase,
    StepState,
    Task,
    TaskStatus,
    ordered,
    step_kind,
)
from agola.model.run_config import RunConfig, TaskConfig

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class _StepPhase(Enum):
    NOT_STARTED = "notstarted"
    CANCELLED = "cancelled"
    RUNNING = "running"
    STOPPED = "stopped"
    SUCCESS = "success"
    FAILED = "failed"


class _FetchPhase(Enum):
    NOT_STARTED = "notstarted"
    FINISHED = "finished"


class _Step(Struct, frozen=True):
    phase: _StepPhase = _StepPhase.NOT_STARTED
    log_phase: _FetchPhase = _FetchPhase.NOT_STARTED
    exit_status: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None


class _Task(Struct, frozen=True):
    id: str
    status: TaskStatus = TaskStatus.NOT_STARTED
    annotations: dict[str, str] = {}
    skip: bool = False
    waiting_approval: bool = False
    approved: bool = False
    setup_step: _Step = _Step()
    steps: tuple[_Step, ...] = ()
    workspace_archives_phase: tuple[_FetchPhase, ...] = ()
    start_time: Moment | None = None
    end_time: Moment | None = None


class LegacyRun(Struct, frozen=True, omit_defaults=True):
    """A run and the states of its tasks; their names are in its config only."""

    id: str
    name: str
    group: str
    phase: Phase
    counter: Number = 0
    annotations: dict[str, str] = {}
    result: Result = Result.UNKNOWN
    stop: bool = False
    tasks: dict[str, _Task] = {}
    enqueue_time: Moment | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None

    def annotated_tasks(self) -> int:
        """Count the tasks that say who approved them."""
        return sum(bool(task.annotations) for task in self.tasks.values())


def archived_run(place: Place, source: LegacyRun, config: RunConfig) -> ArchivedRun:
    """Join a run and its config.  BadRequestError: EXPORT_INVALID."""
    if not source.phase.ended:
        raise invalid(place, f"has not ended: its phase is {source.phase.value!r}")
    tasks = {id_: _task(place, source, task) for id_, task in config.tasks.items()}
    created = moment(place, source.enqueue_time) or epoch(source.id)
    ended = moment(place, source.end_time)
    if source.phase is Phase.SETUP_ERROR and ended is None:  # the original does not say
        ended = created
    run = Run(
        id=config.id,
        name=source.name,
        group=checked_group(place, source.group),
        counter=source.counter,
        create_time=created,
        annotations=source.annotations,
        phase=source.phase,
        result=source.result,
        stop=source.stop,
        setup_errors=config.setup_errors,
        start_time=moment(place, source.start_time),
        end_time=ended,
        task_count=len(tasks),
    )
    return ArchivedRun(run=run, tasks=ordered(tasks))


def _task(place: Place, run: LegacyRun, config: TaskConfig) -> Task:
    source = run.tasks.get(config.id)
    if source is None or source.id != config.id:
        raise invalid(place, f"has no task {config.id!r}, which its config has")
    if len(source.steps) != len(config.steps):
        problem = f"has {len(source.steps)} steps in task {config.id!r}, not {len(config.steps)}"
        raise invalid(place, problem)
    return Task(
        id=config.id,
        name=config.name,
        level=config.level,
        parents=tuple(depend.task_id for depend in config.depends),
        status=source.status,
        skip=source.skip,
        waiting_approval=source.waiting_approval,
        approved=source.approved,
        setup=_state(place, source.setup_step, name="setup", kind=SETUP_KIND),
        steps=tuple(
            _state(place, state, name=step.name, kind=step_kind(step))
            for state, step in zip(source.steps, config.steps, strict=True)
        ),
        start_time=moment(place, source.start_time),
        end_time=moment(place, source.end_time),
        stored=_stored(source),
    )


def _state(place: Place, source: _Step, *, name: str, kind: str) -> StepState:
    cancelled = source.phase is _StepPhase.CANCELLED  # then it never started
    return StepState(
        name=name,
        kind=kind,
        phase=StepPhase.NOT_STARTED if cancelled else StepPhase(source.phase.value),
        start_time=moment(place, source.start_time),
        end_time=moment(place, source.end_time),
        exit_code=source.exit_status,
    )


def _stored(task: _Task) -> bool:
    logs = (task.setup_step.log_phase, *(step.log_phase for step in task.steps))
    return _FetchPhase.NOT_STARTED not in {*logs, *task.workspace_archives_phase}
