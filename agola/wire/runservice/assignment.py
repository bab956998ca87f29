"""What an executor is told about its tasks.  None is a heartbeat."""

from typing import assert_never

from agola.model.assignment import AssignedTask, AssignedTasks, Assignment, ReleasedTask
from agola.model.run_config import TaskID
from agola.wire.runservice.executor_task import (
    executor_task_from_pb,
    executor_task_to_pb,
    spec_data_from_pb,
)
from generated.agola.runservice.v1.executor_task_service_pb2 import WatchExecutorTasksResponse


def assignment_to_pb(assignment: Assignment | None) -> WatchExecutorTasksResponse:
    message = WatchExecutorTasksResponse()
    match assignment:
        case None:
            message.heartbeat.SetInParent()
        case AssignedTasks(task_ids):
            message.snapshot.SetInParent()
            message.snapshot.task_ids.extend(task_ids)
        case AssignedTask(task, spec):
            message.change.task.CopyFrom(executor_task_to_pb(task, spec))
        case ReleasedTask(task_id):
            message.removed.task_id = task_id
        case _:
            assert_never(assignment)
    return message


def assignment_from_pb(message: WatchExecutorTasksResponse) -> Assignment | None:
    """Say what happened; something that only a newer sender knows counts as nothing."""
    match message.WhichOneof("event"):
        case "snapshot":
            return AssignedTasks(tuple(TaskID(id_) for id_ in message.snapshot.task_ids))
        case "change":
            task = message.change.task
            spec = spec_data_from_pb(task.spec) if task.HasField("spec") else None
            return AssignedTask(executor_task_from_pb(task), spec)
        case "removed":
            return ReleasedTask(TaskID(message.removed.task_id))
        case _:
            return None
