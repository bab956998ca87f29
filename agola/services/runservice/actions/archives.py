"""Giving workspace archives to the tasks that need them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agola.core.errors import NotExistError, OutOfRangeError, PreconditionError
from agola.model.archive import ArchiveEnd, ArchiveEvent
from agola.model.executor import ExecutorID
from agola.model.run_config import RunID, TaskID
from agola.services.runservice.ports.logs import StoredArchives, TaskPlaces


class ArchiveActions:
    """Gives out stored workspace archives, to executors that work on the same run."""

    def __init__(self, places: TaskPlaces, stored: StoredArchives) -> None:
        self._places = places
        self._stored = stored

    async def stream_workspace_archive(
        self, executor_id: ExecutorID, run_id: RunID, task_id: TaskID, *, step: int, offset: int
    ) -> AsyncGenerator[ArchiveEvent, None]:
        """Give the archive that a step of a task saved, from *offset* on, and its end.

        PreconditionError: EXECUTOR_TASK_NOT_YOURS.  NotExistError: ARCHIVE_DOES_NOT_EXIST.
        OutOfRangeError: OFFSET_PAST_END.
        """
        if not await self._places.owns_task_of(executor_id, run_id):
            message = f"executor {executor_id} has no task of run {run_id}"
            raise PreconditionError(
                message, reason="EXECUTOR_TASK_NOT_YOURS", executorId=executor_id, runId=run_id
            )
        end = await self._end(run_id, task_id, step)
        if offset > end.size:
            message = f"the archive has {end.size} bytes, {offset} is behind its end"
            raise OutOfRangeError(
                message, reason="OFFSET_PAST_END", size=str(end.size), offset=str(offset)
            )
        async with aclosing(self._stored.read(task_id, step, offset=offset)) as chunks:
            async for chunk in chunks:
                yield chunk
        yield end

    async def _end(self, run_id: RunID, task_id: TaskID, step: int) -> ArchiveEnd:
        cause: NotExistError | None = None
        try:
            await self._places.place(run_id, task_id)  # a task of this run, not of any other
            if (end := await self._stored.end(task_id, step)) is not None:
                return end
        except NotExistError as error:
            cause = error
        message = f"step {step} of task {task_id} saved no archive"
        raise NotExistError(
            message, reason="ARCHIVE_DOES_NOT_EXIST", taskId=task_id, step=str(step)
        ) from cause
