"""Tasks in the hands of executors: what to do, and what became of it."""

from datetime import timedelta

from agola.core.errors import BadRequestError
from agola.model.executor import (
    ExecutorID,
    ExecutorTask,
    ExecutorTaskPhase,
    ExecutorTaskSpecData,
    ExecutorTaskStatus,
    WorkspaceArchive,
)
from agola.model.run_config import RunID, TaskID
from agola.wire.runservice.run import step_state_from_pb, step_state_to_pb
from agola.wire.runservice.run_config import git_source_from_pb, git_source_to_pb
from agola.wire.runservice.runtime import (
    registries_from_pb,
    registries_to_pb,
    runtime_from_pb,
    runtime_to_pb,
)
from agola.wire.runservice.step import step_from_pb, step_to_pb
from agola.wire.timestamp import timestamp_from_pb, timestamp_to_pb
from generated.agola.runservice.v1 import executor_task_pb2 as pb

PHASE_TO_PB = {p: pb.ExecutorTaskStatus.Phase.Value(f"PHASE_{p.name}") for p in ExecutorTaskPhase}
PHASE_FROM_PB = {number: phase for phase, number in PHASE_TO_PB.items()}
MILLISECOND = timedelta(milliseconds=1)


def executor_task_to_pb(
    task: ExecutorTask, spec: ExecutorTaskSpecData | None = None
) -> pb.ExecutorTask:
    return pb.ExecutorTask(
        task_id=task.task_id,
        run_id=task.run_id,
        executor_id=task.executor_id,
        stop=task.stop,
        status=status_to_pb(task.status),
        spec=spec_data_to_pb(spec) if spec else None,
        stored=task.stored,
    )


def executor_task_from_pb(message: pb.ExecutorTask) -> ExecutorTask:
    """Read a task without its spec data.  BadRequestError: `EXECUTOR_TASK_STATUS_INVALID`."""
    return ExecutorTask(
        task_id=TaskID(message.task_id),
        run_id=RunID(message.run_id),
        executor_id=ExecutorID(message.executor_id),
        stop=message.stop,
        status=status_from_pb(message.status),
        stored=message.stored,
    )


def status_to_pb(status: ExecutorTaskStatus) -> pb.ExecutorTaskStatus:
    return pb.ExecutorTaskStatus(
        sequence=status.sequence,
        phase=PHASE_TO_PB[status.phase],
        setup=step_state_to_pb(status.setup),
        steps=[step_state_to_pb(step) for step in status.steps],
        start_time=timestamp_to_pb(status.start_time),
        end_time=timestamp_to_pb(status.end_time),
        failure=status.failure,
        timed_out=status.timed_out,
    )


def status_from_pb(message: pb.ExecutorTaskStatus) -> ExecutorTaskStatus:
    """Read a report.  BadRequestError: `EXECUTOR_TASK_STATUS_INVALID`, `STEP_PHASE_INVALID`."""
    phase = PHASE_FROM_PB.get(message.phase)
    if phase is None:
        text = f"executor task phase {message.phase} is unknown"
        reason = "EXECUTOR_TASK_STATUS_INVALID"
        raise BadRequestError(text, reason=reason, phase=str(message.phase))
    return ExecutorTaskStatus(
        sequence=message.sequence,
        phase=phase,
        setup=step_state_from_pb(message.setup),
        steps=tuple(step_state_from_pb(step) for step in message.steps),
        start_time=timestamp_from_pb(message, "start_time"),
        end_time=timestamp_from_pb(message, "end_time"),
        failure=message.failure,
        timed_out=message.timed_out,
    )


def spec_data_to_pb(spec: ExecutorTaskSpecData) -> pb.ExecutorTaskSpecData:
    return pb.ExecutorTaskSpecData(
        task_name=spec.task_name,
        run_name=spec.run_name,
        runtime=runtime_to_pb(spec.runtime),
        environment=spec.environment,
        working_dir=spec.working_dir,
        shell=spec.shell,
        user=spec.user,
        steps=[step_to_pb(step) for step in spec.steps],
        source=git_source_to_pb(spec.source) if spec.source else None,
        workspace=[workspace_archive_to_pb(archive) for archive in spec.workspace],
        cache_prefix=spec.cache_prefix,
        registries=registries_to_pb(spec.registries),
        timeout_ms=spec.timeout // MILLISECOND if spec.timeout else 0,
    )


def spec_data_from_pb(message: pb.ExecutorTaskSpecData) -> ExecutorTaskSpecData:
    return ExecutorTaskSpecData(
        task_name=message.task_name,
        run_name=message.run_name,
        runtime=runtime_from_pb(message.runtime),
        environment=dict(message.environment),
        working_dir=message.working_dir,
        shell=message.shell,
        user=message.user,
        steps=tuple(step_from_pb(step) for step in message.steps),
        source=git_source_from_pb(message.source) if message.HasField("source") else None,
        workspace=tuple(workspace_archive_from_pb(archive) for archive in message.workspace),
        cache_prefix=message.cache_prefix,
        registries=registries_from_pb(message.registries),
        timeout=message.timeout_ms * MILLISECOND if message.timeout_ms else None,
    )


def workspace_archive_to_pb(archive: WorkspaceArchive) -> pb.WorkspaceArchive:
    return pb.WorkspaceArchive(
        task_id=archive.task_id, step=archive.step, task_name=archive.task_name
    )


def workspace_archive_from_pb(message: pb.WorkspaceArchive) -> WorkspaceArchive:
    return WorkspaceArchive(
        task_id=TaskID(message.task_id), step=message.step, task_name=message.task_name
    )
