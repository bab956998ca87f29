"""Giving out logs and archives."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from agola.core.errors import NotExistError, OutOfRangeError
from agola.model.archive import ArchiveEvent
from agola.model.log import LogEvent, LogPart
from agola.model.run_config import TaskID
from agola.services.executor.ports.store import Archives, Logs, TaskRecord

Find = Callable[[TaskID], TaskRecord | None]


class ReadingActions:
    """Reads what tasks wrote, while they run and afterwards."""

    def __init__(self, find: Find, logs: Logs, archives: Archives) -> None:
        self._find = find
        self._logs = logs
        self._archives = archives

    async def read_log(
        self, task_id: TaskID, part: LogPart, *, offset: int, follow: bool
    ) -> AsyncGenerator[LogEvent, None]:
        """Send a log from *offset* on; with *follow*, to its end.

        Without it, a log that still grows has no `LogEnd`.  NotExistError: `TASK_DOES_NOT_EXIST`,
        `STEP_DOES_NOT_EXIST`, `LOG_DOES_NOT_EXIST` if the step never ran or never will.
        OutOfRangeError: `OFFSET_PAST_END`.  InternalError: `LOG_READ_FAILED`.
        """
        record = self._known(task_id)
        steps = record.status.steps  # none, if the task was cancelled before its spec was known
        if part.step is not None and steps and part.step >= len(steps):
            message = f"task {task_id} has no step {part.step}"
            raise NotExistError(
                message, reason="STEP_DOES_NOT_EXIST", taskId=task_id, step=str(part.step)
            )
        if record.status.phase.ended:
            self._require(task_id, part)
        _check_offset(offset, self._logs.size(task_id, part))
        events = self._logs.read(task_id, part, offset=offset, follow=follow)
        async with aclosing(events):
            async for event in events:
                yield event
        if follow:  # it was waited for, and has not begun
            self._require(task_id, part)

    async def read_archive(
        self, task_id: TaskID, step: int, *, offset: int
    ) -> AsyncGenerator[ArchiveEvent, None]:
        """Send an archive from *offset* on, then its size and digest.

        NotExistError: `TASK_DOES_NOT_EXIST`, `ARCHIVE_DOES_NOT_EXIST`.  OutOfRangeError:
        `OFFSET_PAST_END`.  InternalError: `ARCHIVE_READ_FAILED`.
        """
        self._known(task_id)
        if (end := await self._archives.end(task_id, step)) is None:
            message = f"step {step} of task {task_id} has saved no archive"
            raise NotExistError(
                message, reason="ARCHIVE_DOES_NOT_EXIST", taskId=task_id, step=str(step)
            )
        _check_offset(offset, end.size)
        async with aclosing(self._archives.read(task_id, step, offset=offset)) as events:
            async for event in events:
                yield event

    def _known(self, task_id: TaskID) -> TaskRecord:
        if (record := self._find(task_id)) is None:
            message = f"the executor has no task {task_id}"
            raise NotExistError(message, reason="TASK_DOES_NOT_EXIST", taskId=task_id)
        return record

    def _require(self, task_id: TaskID, part: LogPart) -> None:
        if not self._logs.begun(task_id, part):
            message = f"log doesn't exist: the {part} of task {task_id} never ran"
            raise NotExistError(
                message, reason="LOG_DOES_NOT_EXIST", taskId=task_id, part=str(part)
            )


def _check_offset(offset: int, size: int) -> None:
    if offset > size:
        message = f"offset {offset} is past the end at {size}"
        raise OutOfRangeError(message, reason="OFFSET_PAST_END", offset=str(offset), size=str(size))
