"""Logs, as the runservice gives them out."""

from collections.abc import AsyncGenerator
from typing import Protocol

from agola.model.log import LogEvent, LogPart
from agola.model.run_config import RunID, TaskID


class Logs(Protocol):
    """Reads logs of tasks."""

    def stream_task_log(
        self, run_id: RunID, task_id: TaskID, part: LogPart, *, offset: int, follow: bool
    ) -> AsyncGenerator[LogEvent | None, None]:
        """Yield the log from *offset* on, then its end; None is a heartbeat.

        NotExistError: RUN_DOES_NOT_EXIST, TASK_DOES_NOT_EXIST, STEP_DOES_NOT_EXIST,
        LOG_DOES_NOT_EXIST.  OutOfRangeError: OFFSET_PAST_END.
        """
