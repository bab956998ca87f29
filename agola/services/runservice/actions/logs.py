"""Reading the log of a task, wherever it is."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agola.core.errors import AgolaError, NotExistError, OutOfRangeError, UnavailableError
from agola.model.log import LogChunk, LogEnd, LogEvent, LogPart
from agola.model.run import TaskStatus
from agola.model.run_config import RunID, TaskID
from agola.services.runservice.ports.logs import ExecutorCopies, StoredLogs, TaskPlace, TaskPlaces


class LogActions:
    """Gives out logs: from object storage, or else from the executor that has the task."""

    def __init__(self, places: TaskPlaces, stored: StoredLogs, copies: ExecutorCopies) -> None:
        self._places = places
        self._stored = stored
        self._copies = copies

    async def stream_task_log(
        self, run_id: RunID, task_id: TaskID, part: LogPart, *, offset: int, follow: bool
    ) -> AsyncGenerator[LogEvent, None]:
        """Give a log from *offset* on, and its end: the present one, or the last one to *follow*.

        NotExistError: RUN_DOES_NOT_EXIST, TASK_DOES_NOT_EXIST, STEP_DOES_NOT_EXIST,
        LOG_DOES_NOT_EXIST.  OutOfRangeError: OFFSET_PAST_END.  InternalError:
        OBJECT_STORAGE_FAILED.
        """
        position = offset
        async with aclosing(self._places.watch_place(run_id, task_id)) as places:
            async for place in places:
                _require_step(place, part)
                async with aclosing(self._read(place, part, position, follow=follow)) as events:
                    async for event in events:
                        yield event
                        if isinstance(event, LogEnd):
                            return
                        position += len(event.data)
                if follow:
                    continue  # it may come, or be stored, as long as the place can change
                if place.task.status.ended:
                    break
                yield _empty(position)
                return
        message = f"log doesn't exist: task {task_id} has none of its {part}"
        raise NotExistError(message, reason="LOG_DOES_NOT_EXIST", taskId=task_id, part=str(part))

    async def _read(
        self, place: TaskPlace, part: LogPart, offset: int, *, follow: bool
    ) -> AsyncGenerator[LogEvent, None]:
        """Read what somebody has now.  Without an end: nobody has the rest, or not yet."""
        position, task_id = offset, place.task.id
        failure: AgolaError | None = None
        ended = place.task.status.ended  # before, nothing of it is stored
        if _in_hands(place) and not (ended and await self._is_stored(task_id, part)):
            log = self._copies.stream_log(place, part, offset=offset, follow=follow)
            try:
                async with aclosing(log) as events:
                    async for event in events:
                        yield event
                        if isinstance(event, LogChunk):
                            position += len(event.data)
            except (NotExistError, UnavailableError) as error:
                failure = error
        # An executor that does not have it any more knows that it is stored.
        if await self._is_stored(task_id, part):
            async with aclosing(self._stored.read(task_id, part, offset=position)) as events:
                async for event in events:
                    yield event
        elif isinstance(failure, UnavailableError):
            raise failure

    async def _is_stored(self, task_id: TaskID, part: LogPart) -> bool:
        return await self._stored.size(task_id, part) is not None


def _in_hands(place: TaskPlace) -> bool:
    """Say whether an executor knows the task by now, and still has it."""
    return place.executor_id is not None and place.task.status is not TaskStatus.NOT_STARTED


def _require_step(place: TaskPlace, part: LogPart) -> None:
    if part.step is not None and part.step >= len(place.task.steps):
        message = f"task {place.task.name!r} has {len(place.task.steps)} steps, no {part}"
        raise NotExistError(
            message,
            reason="STEP_DOES_NOT_EXIST",
            taskId=place.task.id,
            taskName=place.task.name,
            steps=str(len(place.task.steps)),
            part=str(part),
        )


def _empty(position: int) -> LogEnd:
    if position:
        message = f"the log is empty, {position} is behind its end"
        raise OutOfRangeError(message, reason="OFFSET_PAST_END", offset=str(position), size="0")
    return LogEnd(0)
