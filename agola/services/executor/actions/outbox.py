"""What is still to be reported: of each task, the newest only."""

import asyncio
from collections import defaultdict

from agola.core.errors import AgolaError
from agola.model.run_config import TaskID
from agola.services.executor.ports.store import TaskRecord


class Outbox:
    """Holds the newest record of each task until it has been reported, and what was answered."""

    def __init__(self) -> None:
        self._records: dict[TaskID, TaskRecord] = {}
        self._filled = asyncio.Event()
        self._answered: defaultdict[TaskID, asyncio.Event] = defaultdict(asyncio.Event)
        self._refusals: dict[TaskID, AgolaError] = {}

    def put(self, record: TaskRecord) -> None:
        """Have a record reported, unless a newer one of its task waits already."""
        waiting = self._records.get(record.task_id)
        if waiting is None or waiting.status.sequence < record.status.sequence:
            self._records[record.task_id] = record
            self._filled.set()

    async def take(self) -> tuple[TaskRecord, ...]:
        """Wait until there is something to report, and give all of it."""
        await self._filled.wait()
        self._filled.clear()
        taken = tuple(self._records.values())
        self._records.clear()
        return taken

    def answer(self, task_id: TaskID, refusal: AgolaError | None = None) -> None:
        """Note that a report of a task was accepted, or refused for good."""
        if refusal is not None and not self._answered[task_id].is_set():
            self._refusals[task_id] = refusal
        self._answered[task_id].set()

    async def claimed(self, task_id: TaskID) -> None:
        """Wait until a report of a task was accepted: from then on nobody else is given it.

        Raises what it was refused for, if the first one was.
        """
        await self._answered[task_id].wait()
        if (refusal := self._refusals.get(task_id)) is not None:
            raise refusal

    def forget(self, task_id: TaskID) -> None:
        """Forget what was answered for a task that is done with."""
        self._answered.pop(task_id, None)
        self._refusals.pop(task_id, None)
