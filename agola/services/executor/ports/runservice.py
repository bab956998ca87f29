"""The runservice ports: who gives tasks, takes reports, and keeps archives."""

from collections.abc import AsyncGenerator
from typing import Protocol

from agola.model.archive import ArchiveEvent
from agola.model.assignment import Assignment, Registration
from agola.model.executor import Executor, ExecutorID, ExecutorTaskStatus, SessionID
from agola.model.run_config import RunID, TaskID


class Assignments(Protocol):
    """Gives an executor its tasks.  Errors: those that ExecutorTaskService lists."""

    async def register_executor(self, executor: Executor) -> Registration:
        """Begin a session.  Older ones of the same executor end."""

    async def keep_executor_alive(self, executor_id: ExecutorID, session: SessionID) -> None:
        """Say that the executor is still there."""

    def watch_executor_tasks(
        self, executor_id: ExecutorID, session: SessionID
    ) -> AsyncGenerator[Assignment | None, None]:
        """Yield the executor's tasks as they are, then what changes; None is a heartbeat."""

    async def update_executor_task_status(
        self,
        executor_id: ExecutorID,
        session: SessionID,
        run_id: RunID,
        task_id: TaskID,
        *,
        status: ExecutorTaskStatus,
    ) -> None:
        """Report a task.  Safe to repeat."""


class WorkspaceArchives(Protocol):
    """Gives out what other tasks saved.  Errors: those that ArchiveService lists."""

    def stream_workspace_archive(
        self,
        executor_id: ExecutorID,
        run_id: RunID,
        task_id: TaskID,
        *,
        step: int,
        offset: int = 0,
    ) -> AsyncGenerator[ArchiveEvent, None]:
        """Yield an archive from *offset* on, then its end."""
