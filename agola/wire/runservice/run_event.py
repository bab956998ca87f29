"""What watchers of runs are told: of all runs, and of one.  None is a heartbeat."""

from typing import assert_never

from agola.model.run_event import (
    NothingChanged,
    RunChanged,
    RunDifference,
    RunEnded,
    RunEvent,
    RunProgress,
    RunsSnapshot,
    RunState,
)
from agola.wire.runservice.run import run_from_pb, run_to_pb, task_from_pb, task_to_pb
from generated.agola.runservice.v1.run_event_service_pb2 import WatchRunEventsResponse
from generated.agola.runservice.v1.run_service_pb2 import WatchRunResponse


def run_event_to_pb(event: RunEvent) -> WatchRunEventsResponse:
    message = WatchRunEventsResponse(revision=event.revision)
    match event:
        case RunsSnapshot(runs):
            message.snapshot.SetInParent()
            message.snapshot.runs.extend(run_to_pb(run) for run in runs)
        case RunChanged(run):
            message.changed.run.CopyFrom(run_to_pb(run))
        case NothingChanged():
            message.heartbeat.SetInParent()
        case _:
            assert_never(event)
    return message


def run_event_from_pb(message: WatchRunEventsResponse) -> RunEvent:
    """Say what happened; something that only a newer sender knows counts as nothing."""
    match message.WhichOneof("event"):
        case "snapshot":
            runs = tuple(run_from_pb(run) for run in message.snapshot.runs)
            return RunsSnapshot(runs, message.revision)
        case "changed":
            return RunChanged(run_from_pb(message.changed.run), message.revision)
        case _:
            return NothingChanged(message.revision)


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
