"""Runs, tasks and steps as people see them: what the model counts is a number to them."""

from datetime import UTC

from agola.core.errors import BadRequestError
from agola.model.run import Phase, Result, Run, StepPhase, StepState, Task, TaskStatus
from agola.model.run_config import RunID, TaskID
from agola.wire.timestamp import timestamp_from_pb, timestamp_to_pb
from generated.agola.gateway.v1 import run_pb2 as pb

PHASE_TO_PB = {phase: pb.Run.Phase.Value(f"PHASE_{phase.name}") for phase in Phase}
PHASE_FROM_PB = {number: phase for phase, number in PHASE_TO_PB.items()}
RESULT_TO_PB = {result: pb.Run.Result.Value(f"RESULT_{result.name}") for result in Result}
RESULT_FROM_PB = {number: result for result, number in RESULT_TO_PB.items()}
STATUS_TO_PB = {status: pb.Task.Status.Value(f"STATUS_{status.name}") for status in TaskStatus}
STATUS_FROM_PB = {number: status for status, number in STATUS_TO_PB.items()}
STEP_PHASE_TO_PB = {p: pb.StepState.Phase.Value(f"PHASE_{p.name}") for p in StepPhase}
STEP_PHASE_FROM_PB = {number: phase for phase, number in STEP_PHASE_TO_PB.items()}


def run_to_pb(run: Run) -> pb.Run:
    return pb.Run(
        id=run.id,
        number=run.counter,
        name=run.name,
        group=run.group,
        annotations=run.annotations,
        phase=PHASE_TO_PB[run.phase],
        result=RESULT_TO_PB[run.result],
        stopping=run.stop,
        setup_errors=run.setup_errors,
        create_time=timestamp_to_pb(run.create_time),
        start_time=timestamp_to_pb(run.start_time),
        end_time=timestamp_to_pb(run.end_time),
    )


def run_from_pb(message: pb.Run) -> Run:
    """Read a run.  What only the runservice knows (`request_id`, `task_count`) stays unset."""
    return Run(
        id=RunID(message.id),
        name=message.name,
        group=message.group,
        counter=message.number,
        create_time=message.create_time.ToDatetime(tzinfo=UTC),
        annotations=dict(message.annotations),
        phase=phase_from_pb(message.phase),
        result=result_from_pb(message.result),
        stop=message.stopping,
        setup_errors=tuple(message.setup_errors),
        start_time=timestamp_from_pb(message, "start_time"),
        end_time=timestamp_from_pb(message, "end_time"),
    )


def phase_from_pb(number: int) -> Phase:
    """BadRequestError: `RUN_PHASE_INVALID`."""
    phase = PHASE_FROM_PB.get(pb.Run.Phase.ValueType(number))
    if phase is None:
        message = f"run phase {number} is unknown"
        raise BadRequestError(message, reason="RUN_PHASE_INVALID", phase=str(number))
    return phase


def result_from_pb(number: int) -> Result:
    """BadRequestError: `RUN_RESULT_INVALID`."""
    result = RESULT_FROM_PB.get(pb.Run.Result.ValueType(number))
    if result is None:
        message = f"run result {number} is unknown"
        raise BadRequestError(message, reason="RUN_RESULT_INVALID", result=str(number))
    return result


def task_to_pb(task: Task) -> pb.Task:
    return pb.Task(
        id=task.id,
        name=task.name,
        level=task.level,
        parent_ids=task.parents,
        status=STATUS_TO_PB[task.status],
        waiting_approval=task.waiting_approval,
        approved=task.approved,
        setup=step_state_to_pb(task.setup),
        steps=[step_state_to_pb(step) for step in task.steps],
        start_time=timestamp_to_pb(task.start_time),
        end_time=timestamp_to_pb(task.end_time),
        failure=task.failure,
        timed_out=task.timed_out,
        executor_id=task.executor_id,
    )


def task_from_pb(message: pb.Task) -> Task:
    """Read a task.  What only the runservice knows (`skip`, `stored`) stays unset.

    BadRequestError: `TASK_STATUS_INVALID`, `STEP_PHASE_INVALID`.
    """
    status = STATUS_FROM_PB.get(message.status)
    if status is None:
        text = f"task status {message.status} is unknown"
        raise BadRequestError(text, reason="TASK_STATUS_INVALID", status=str(message.status))
    return Task(
        id=TaskID(message.id),
        name=message.name,
        level=message.level,
        parents=tuple(TaskID(parent) for parent in message.parent_ids),
        status=status,
        waiting_approval=message.waiting_approval,
        approved=message.approved,
        setup=step_state_from_pb(message.setup),
        steps=tuple(step_state_from_pb(step) for step in message.steps),
        start_time=timestamp_from_pb(message, "start_time"),
        end_time=timestamp_from_pb(message, "end_time"),
        failure=message.failure,
        timed_out=message.timed_out,
        executor_id=message.executor_id,
    )


def step_state_to_pb(state: StepState) -> pb.StepState:
    return pb.StepState(
        name=state.name,
        kind=state.kind,
        phase=STEP_PHASE_TO_PB[state.phase],
        start_time=timestamp_to_pb(state.start_time),
        end_time=timestamp_to_pb(state.end_time),
        exit_code=state.exit_code,
        signal=state.signal,
        log_size=state.log_size,
    )


def step_state_from_pb(message: pb.StepState) -> StepState:
    """Read a step.  BadRequestError: `STEP_PHASE_INVALID`."""
    phase = STEP_PHASE_FROM_PB.get(message.phase)
    if phase is None:
        text = f"step phase {message.phase} is unknown"
        raise BadRequestError(text, reason="STEP_PHASE_INVALID", phase=str(message.phase))
    return StepState(
        name=message.name,
        kind=message.kind,
        phase=phase,
        start_time=timestamp_from_pb(message, "start_time"),
        end_time=timestamp_from_pb(message, "end_time"),
        exit_code=message.exit_code if message.HasField("exit_code") else None,
        signal=message.signal,
        log_size=message.log_size if message.HasField("log_size") else None,
    )
