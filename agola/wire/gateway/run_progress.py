"""What a watcher of a run is told.  None is a heartbeat."""

from typing import assert_never

from agola.model.run_event import RunDifference, RunEnded, RunProgress, RunState
from agola.wire.gateway.run import run_from_pb, run_to_pb, task_from_pb, task_to_pb
from generated.agola.gateway.v1.run_service_pb2 import GetRunResponse, WatchRunResponse


def run_state_to_pb(state: RunState) -> GetRunResponse:
    return GetRunResponse(
        run=run_to_pb(state.run), tasks=[task_to_pb(task) for task in state.tasks]
    )


def run_state_from_pb(message: GetRunResponse) -> RunState:
    return RunState(run_from_pb(message.run), tuple(task_from_pb(task) for task in message.tasks))


def run_progress_to_pb(progress: RunProgress | None) -> WatchRunResponse:
    message = WatchRunResponse()
    match progress:
        case None:
            message.heartbeat.SetInParent()
        case RunState(run, tasks):
            message.snapshot.run.CopyFrom(run_to_pb(run))
            message.snapshot.tasks.extend(task_to_pb(task) for task in tasks)
        case RunDifference(changed, tasks):
            message.change.SetInParent()
            if changed is not None:
                message.change.run.CopyFrom(run_to_pb(changed))
            message.change.tasks.extend(task_to_pb(task) for task in tasks)
        case RunEnded():
            message.end.SetInParent()
        case _:
            assert_never(progress)
    return message


def run_progress_from_pb(message: WatchRunResponse) -> RunProgress | None:
    """Say what happened; something that only a newer sender knows counts as nothing."""
    match message.WhichOneof("event"):
        case "snapshot":
            tasks = tuple(task_from_pb(task) for task in message.snapshot.tasks)
            return RunState(run_from_pb(message.snapshot.run), tasks)
        case "change":
            change = message.change
            run = run_from_pb(change.run) if change.HasField("run") else None
            return RunDifference(run, tuple(task_from_pb(task) for task in change.tasks))
        case "end":
            return RunEnded()
        case _:
            return None
