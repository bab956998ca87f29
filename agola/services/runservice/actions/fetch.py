"""Storing what an ended task left on its executor."""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from itertools import count
from typing import TypeAlias, TypeVar

from agola.core.errors import AgolaError, NotExistError
from agola.core.trouble import SharedTrouble
from agola.model.executor import ExecutorID
from agola.model.log import SETUP_LOG, LogChunk, LogEvent, LogPart
from agola.model.run import StepPhase, Task, step_kind
from agola.model.run_config import RunID, SaveToWorkspaceStep, TaskID
from agola.services.runservice.ports.logs import (
    EndedTasks,
    ExecutorCopies,
    StoredArchives,
    StoredLogs,
    TaskPlace,
)

T = TypeVar("T")
Own: TypeAlias = Callable[[TaskID, RunID], Awaitable[None]]
logger = logging.getLogger(__name__)

SAVE_KIND = step_kind(SaveToWorkspaceStep())
STREAMS_PER_EXECUTOR = 8
FIRST_DELAY_SECONDS = 0.1
MAX_DELAY_SECONDS = 30.0
TRIES_TO_READ = 6
UNREADABLE = frozenset(
    {"LOG_READ_FAILED", "ARCHIVE_READ_FAILED", "ARCHIVE_BROKEN", "STREAM_OUT_OF_PLACE"}
)
"""Reasons that speak of a damaged copy: worth a few more tries, not a run that never ends."""

LOST_NOTE = b"\n[the rest of this log was lost with its executor]\n"


class FetchActions:
    """Moves logs and workspace archives from executors to object storage.

    Whatever fails is tried again, ever more slowly, for as long as the executor counts as alive;
    what a lost one still had is given up.  One that is stuck keeps only its own tasks waiting.
    """

    def __init__(
        self,
        ended: EndedTasks,
        copies: ExecutorCopies,
        logs: StoredLogs,
        archives: StoredArchives,
    ) -> None:
        self._ended = ended
        self._copies = copies
        self._logs = logs
        self._archives = archives
        self._trouble = SharedTrouble(logger, over="stored, or given up, after some waiting")
        self._turns: dict[ExecutorID | None, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(STREAMS_PER_EXECUTOR)
        )

    async def store_task(self, place: TaskPlace) -> None:
        """Store all that there is of an ended task, then say so.  Harmless to repeat."""
        run_id, task_id = place.run_id, place.task.id
        logs, archives = _logs_of(place.task), _archives_of(place.task)
        async with asyncio.TaskGroup() as group:
            sizes = {part: group.create_task(self._store_log(place, part)) for part in logs}
            for step in archives:
                group.create_task(self._store_archive(place, step))
            if logs:
                group.create_task(self._mark("logs", place, self._logs.own))
            if archives:
                group.create_task(self._mark("archives", place, self._archives.own))
        stored = {part: size for part, task in sizes.items() if (size := task.result()) is not None}
        await self._persist(
            f"the end of task {task_id}",
            lambda: self._ended.mark_stored(run_id, task_id, stored),
        )

    async def _store_log(self, place: TaskPlace, part: LogPart) -> int | None:
        """Store a log if it is not stored.  Gives its size, or None if it is lost."""
        task_id = place.task.id

        async def stored() -> int | None:
            return await self._logs.size(task_id, part)

        async def store() -> int:
            async with self._turns[place.executor_id]:
                if (size := await stored()) is not None:
                    return size
                log = self._copies.stream_log(place, part, follow=True)
                try:
                    async with aclosing(_bytes(log, stored)) as data:
                        return await self._logs.write(task_id, part, data)
                except NotExistError:  # is the executor lost, or was another instance faster?
                    if (size := await stored()) is None:
                        raise
                    return size

        return await self._persist(f"the log of {part} of task {task_id}", store)

    async def _store_archive(self, place: TaskPlace, step: int) -> None:
        task_id = place.task.id

        async def store() -> None:
            async with self._turns[place.executor_id]:
                if await self._archives.end(task_id, step) is None:
                    async with aclosing(self._copies.stream_archive(place, step)) as events:
                        await self._archives.write(task_id, step, events)

        await self._persist(f"the archive of step {step} of task {task_id}", store)

    async def _mark(self, what: str, place: TaskPlace, own: Own) -> None:
        run_id, task_id = place.run_id, place.task.id
        mark = f"the mark of run {run_id} at the {what} of task {task_id}"
        await self._persist(mark, lambda: own(task_id, run_id))

    async def _persist(self, what: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """Do *work* until it is done.  None: what it needs is gone for ever, or is damaged."""
        delay = FIRST_DELAY_SECONDS
        try:
            for attempt in count(1):
                try:
                    return await work()
                except NotExistError as error:
                    logger.warning("%s is lost: %s", what, error)
                    return None
                except AgolaError as error:
                    if error.reason in UNREADABLE and attempt >= TRIES_TO_READ:
                        logger.error("%s is given up: %s", what, error)  # noqa: TRY400  it says enough
                        return None
                    self._trouble.meet(what, error)
                await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311  jitter
                delay = min(2 * delay, MAX_DELAY_SECONDS)
        finally:
            self._trouble.leave(what)
        return None


def _logs_of(task: Task) -> tuple[LogPart, ...]:
    parts = [(SETUP_LOG, task.setup)]
    parts += [(LogPart(index), state) for index, state in enumerate(task.steps)]
    return tuple(part for part, state in parts if state.phase is not StepPhase.NOT_STARTED)


def _archives_of(task: Task) -> tuple[int, ...]:
    return tuple(
        index
        for index, state in enumerate(task.steps)
        if state.kind == SAVE_KIND and state.phase is StepPhase.SUCCESS
    )


async def _bytes(
    events: AsyncGenerator[LogEvent, None], stored: Callable[[], Awaitable[int | None]]
) -> AsyncGenerator[bytes, None]:
    """Give the bytes of a log.  If the rest is lost, say so in it: what came is worth keeping.

    NotExistError when there is nothing to keep, or all of it is stored.
    """
    some = False
    async with aclosing(events):
        try:
            async for event in events:
                if isinstance(event, LogChunk):
                    some = True
                    yield event.data
        except NotExistError:
            if not some or await stored() is not None:
                raise
            yield LOST_NOTE
