"""agola.executor.v1 messages to model, and back.  Logs and archives: see agola.wire.common."""

from agola.core.errors import BadRequestError
from agola.model.log import LogEvent, LogPart
from agola.model.run_config import TaskID
from agola.wire.common import log_event_to_pb, log_part_to_pb
from generated.agola.executor.v1 import executor_service_pb2 as pb


def log_request_to_pb(
    task_id: TaskID, part: LogPart, *, offset: int, follow: bool
) -> pb.StreamTaskLogRequest:
    return pb.StreamTaskLogRequest(
        task_id=task_id, part=log_part_to_pb(part), offset=offset, follow=follow
    )


def log_response_to_pb(event: LogEvent | None) -> pb.StreamTaskLogResponse:
    """Say *event*; None is a heartbeat."""
    return log_event_to_pb(pb.StreamTaskLogResponse, event)


def task_id_from_pb(task_id: str) -> TaskID:
    """Say which task is meant.  BadRequestError: TASK_ID_REQUIRED."""
    if not task_id:
        raise BadRequestError("say which task", reason="TASK_ID_REQUIRED")
    return TaskID(task_id)


def offset_from_pb(offset: int) -> int:
    """Say where to begin.  BadRequestError: OFFSET_INVALID."""
    if offset < 0:
        message = f"an offset is at least 0, not {offset}"
        raise BadRequestError(message, reason="OFFSET_INVALID", offset=str(offset))
    return offset
