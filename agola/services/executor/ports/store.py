"""The store ports: tasks, logs and archives on the executor's own disk."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from agola.model.archive import ArchiveEnd, ArchiveEvent
from agola.model.executor import ExecutorTaskStatus
from agola.model.log import LogEvent, LogPart
from agola.model.run_config import RunID, TaskID


class TaskRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the executor remembers of a task.  Never its spec, which holds secrets."""

    task_id: TaskID
    run_id: RunID
    status: ExecutorTaskStatus
    format: int = 1


class Log(Protocol):
    """A log that is being written, in this process."""

    def write(self, data: bytes) -> None:
        """Append.  Whoever follows sees it at once.  ExhaustedError: `LOG_WRITE_FAILED`."""

    def close(self) -> None:
        """Make it complete, and begin to make it durable.  May be repeated."""

    async def kept(self) -> None:
        """Wait until it is durable, after `close`.  ExhaustedError: `LOG_WRITE_FAILED`."""


class Tasks(Protocol):
    """The records.  A task that was ever saved is found until it is deleted."""

    async def load(self) -> Sequence[TaskRecord]:
        """Read all records, of this life and earlier ones."""

    async def save(self, record: TaskRecord) -> None:
        """Write a record durably, whole or not at all.  ExhaustedError: `TASK_WRITE_FAILED`."""

    async def note(self, record: TaskRecord) -> None:
        """Write a newer record of a saved task, whole or not at all, but not durably.

        It survives the executor, and is cheaper.  If it does not survive the machine, what was
        saved does.  ExhaustedError: `TASK_WRITE_FAILED`.
        """

    async def delete(self, task_id: TaskID) -> None:
        """Forget a task with its logs and archives.  One that is not there is fine."""


class Logs(Protocol):
    """The logs of tasks."""

    def expect(self, task_id: TaskID) -> None:
        """Say that logs of the task may begin, until `close`: who follows waits for them."""

    def create(self, task_id: TaskID, part: LogPart) -> Log:
        """Begin a log.  ExhaustedError: `LOG_WRITE_FAILED`."""

    def begun(self, task_id: TaskID, part: LogPart) -> bool:
        """Say whether there is such a log, complete or not."""

    def size(self, task_id: TaskID, part: LogPart) -> int:
        """Say how many bytes a log has now.  Zero if it has not begun."""

    def read(
        self, task_id: TaskID, part: LogPart, *, offset: int, follow: bool
    ) -> AsyncGenerator[LogEvent, None]:
        """Send a log from *offset* on.  With *follow*, wait for what comes, and for it to begin.

        Ends with `LogEnd` if the log is complete by then.  InternalError: `LOG_READ_FAILED`.
        """

    def close(self, task_id: TaskID) -> None:
        """Say that no log of the task begins any more: who waits for one is let go."""


class Archives(Protocol):
    """The archives that steps save."""

    def draft(self, task_id: TaskID, step: int) -> Path:
        """Say where to write an archive.  It counts only after `seal`."""

    async def seal(self, task_id: TaskID, step: int) -> ArchiveEnd:
        """Make the draft durable and give its size and digest."""

    async def end(self, task_id: TaskID, step: int) -> ArchiveEnd | None:
        """Say the size and digest of a sealed archive, or None if there is no such archive."""

    def read(
        self, task_id: TaskID, step: int, *, offset: int
    ) -> AsyncGenerator[ArchiveEvent, None]:
        """Send a sealed archive from *offset* on.  InternalError: `ARCHIVE_READ_FAILED`."""

    def incoming(self, task_id: TaskID, index: int) -> Path:
        """Say where to put an archive of another task while it is unpacked."""
