"""What is still to be reported: of each task, the newest only."""

import asyncio

from agola.model.run_config import TaskID
from agola.services.executor.ports.store import TaskRecord


class Outbox:
    """Holds the newest record of each task until it has been reported."""

    def __init__(self) -> None:
        self._records: dict[TaskID, TaskRecord] = {}
        self._filled = asyncio.Event()

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
