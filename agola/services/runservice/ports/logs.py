"""What logs and workspace archives need: where tasks are, and where their bytes are kept.

`TaskPlaces` and `EndedTasks` are answered by the store of runs; the others by object storage and by
the executors.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from agola.model.archive import ArchiveChunk, ArchiveEnd, ArchiveEvent
from agola.model.executor import ExecutorID
from agola.model.log import LogEvent, LogPart
from agola.model.run import Task
from agola.model.run_config import RunID, TaskID


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlace:
    """A task as it is now, and who has its executor task."""

    run_id: RunID
    task: Task
    executor_id: ExecutorID | None = None
    """Who still keeps its logs and archives.  None: nobody yet, nobody any more, or a lost executor
    (its lease is over and it has not come back)."""
    executor_address: str = ""
    """Where that executor is, as of its last registration."""


class TaskPlaces(Protocol):
    """Finds the tasks of runs, of live and of archived ones."""

    async def place(self, run_id: RunID, task_id: TaskID) -> TaskPlace:
        """Say where a task is.  NotExistError: `RUN_DOES_NOT_EXIST`, `TASK_DOES_NOT_EXIST`."""

    def watch_place(self, run_id: RunID, task_id: TaskID) -> AsyncGenerator[TaskPlace, None]:
        """Tell where a task is: at once, then after every change of the task or of its executor.

        Changes close together may be told as one.  Ends when nothing can change any more.
        NotExistError: `RUN_DOES_NOT_EXIST`, `TASK_DOES_NOT_EXIST`.
        """

    async def owns_task_of(self, executor_id: ExecutorID, run_id: RunID) -> bool:
        """Say whether the executor has an executor task of the run now."""


class EndedTasks(Protocol):
    """Executor tasks that ended, and whose logs and archives wait to be stored."""

    def watch_ended(self) -> AsyncGenerator[TaskPlace, None]:
        """Tell every ended executor task that is not stored: those there are, then each as it ends.

        The task is told with the states of its setup and steps as the executor last reported them.
        Each is told at least once per watch; never ends.
        """

    async def mark_stored(
        self, run_id: RunID, task_id: TaskID, log_sizes: Mapping[LogPart, int]
    ) -> None:
        """Say that what could be had of a task's logs and archives is stored; `log_sizes` in bytes.

        A log that is not named there is lost, or never was.  Frees the executor's copy and ends its
        executor task.  May be repeated.
        """


class ExecutorCopies(Protocol):
    """What executors keep until it is stored."""

    def stream_log(
        self, place: TaskPlace, part: LogPart, *, offset: int = 0, follow: bool = False
    ) -> AsyncGenerator[LogEvent, None]:
        """Send a log from *offset* on.  Followers of one log share one stream.

        Short breaks are bridged, to where the executor is by then.  NotExistError:
        `TASK_DOES_NOT_EXIST` (the executor does not know it, or is lost), `STEP_DOES_NOT_EXIST`,
        `LOG_DOES_NOT_EXIST` (the step never ran).  OutOfRangeError: `OFFSET_PAST_END`.
        """

    def stream_archive(self, place: TaskPlace, step: int) -> AsyncGenerator[ArchiveEvent, None]:
        """Send the archive that a step saved.  Short breaks are bridged.

        NotExistError: `TASK_DOES_NOT_EXIST`, `ARCHIVE_DOES_NOT_EXIST`.
        """


class StoredLogs(Protocol):
    """Logs at rest, shared by the runs that a task belongs to.

    What storage answers badly to is InternalError (`OBJECT_STORAGE_FAILED`).
    """

    async def size(self, task_id: TaskID, part: LogPart) -> int | None:
        """Say how many bytes a log has, or None if it is not stored."""

    def read(
        self, task_id: TaskID, part: LogPart, *, offset: int
    ) -> AsyncGenerator[LogEvent, None]:
        """Send a log from *offset* on, and its end.

        NotExistError: `LOG_DOES_NOT_EXIST`.  OutOfRangeError: `OFFSET_PAST_END`.
        """

    async def write(self, task_id: TaskID, part: LogPart, data: AsyncIterable[bytes]) -> int:
        """Store a whole log durably, or nothing of it.  Gives its size."""

    async def own(self, task_id: TaskID, run_id: RunID) -> None:
        """Say that a run needs the task's logs.  They stay until no run does."""


class StoredArchives(Protocol):
    """Workspace archives at rest, shared by the runs that a task belongs to."""

    async def end(self, task_id: TaskID, step: int) -> ArchiveEnd | None:
        """Say the size and digest of an archive, or None if it is not wholly stored."""

    def read(
        self, task_id: TaskID, step: int, *, offset: int
    ) -> AsyncGenerator[ArchiveChunk, None]:
        """Send an archive's bytes from *offset* on.

        NotExistError: `ARCHIVE_DOES_NOT_EXIST`.  OutOfRangeError: `OFFSET_PAST_END`.
        """

    async def write(self, task_id: TaskID, step: int, events: AsyncIterable[ArchiveEvent]) -> None:
        """Store a whole archive durably, or nothing of it.

        InternalError: `ARCHIVE_BROKEN` when the bytes are not those that the end speaks of.
        """

    async def own(self, task_id: TaskID, run_id: RunID) -> None:
        """Say that a run needs the task's archives.  They stay until no run does."""
