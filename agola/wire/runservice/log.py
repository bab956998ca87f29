"""Which log or archive is asked for."""

from agola.core.errors import BadRequestError
from agola.model.run_config import RunID, TaskID


def run_id_from_pb(run_id: str) -> RunID:
    """Say which run is meant.  BadRequestError: RUN_ID_REQUIRED."""
    if not run_id:
        raise BadRequestError("say which run", reason="RUN_ID_REQUIRED")
    return RunID(run_id)


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
