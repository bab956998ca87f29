"""The inside of an executor, without its connections."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from agola.core.clock import SystemClock
from agola.model.executor import ExecutorTaskSpecData, ExecutorTaskStatus
from agola.model.log import SETUP_LOG, LogChunk, LogEnd, LogPart
from agola.model.run_config import TaskID
from agola.services.executor.actions import Equipment, Outbox, ReadingActions, TaskActions
from agola.services.executor.drivers.process import ProcessDriver
from agola.services.executor.ports.store import TaskRecord
from agola.services.executor.store import DiskArchives, DiskLogs, DiskTasks
from tests.unit.services.executor.runservice import EXECUTOR, FakeRunservice, task

TASK = "task-1"


@dataclass
class Workplace:
    """Runs tasks and reads what they wrote."""

    root: Path
    runservice: FakeRunservice
    equipment: Equipment
    tasks: TaskActions
    reading: ReadingActions
    outbox: Outbox

    async def run(self, spec: ExecutorTaskSpecData, task_id: str = TASK) -> ExecutorTaskStatus:
        """Carry a task out to its end."""
        await self.tasks.assign(task(task_id), spec)
        return await self.end(task_id)

    async def end(self, task_id: str = TASK) -> ExecutorTaskStatus:
        """Wait for the end of a task to be reported."""
        while True:
            for record in await self.outbox.take():
                if record.task_id == task_id and record.status.phase.ended:
                    return record.status

    async def log(self, step: int | None = None, task_id: str = TASK) -> str:
        """Read a log to its end."""
        return (await self.log_bytes(step, task_id)).decode()

    async def log_bytes(self, step: int | None = None, task_id: str = TASK) -> bytes:
        part = SETUP_LOG if step is None else LogPart(step)
        data = b""
        async for event in self.reading.read_log(TaskID(task_id), part, offset=0, follow=True):
            if isinstance(event, LogChunk):
                assert event.offset == len(data)
                data += event.data
            else:
                assert event == LogEnd(len(data))
        return data

    def pod(self, task_id: str = TASK) -> Path:
        return self.root / "pods" / task_id

    def folder(self, task_id: str = TASK) -> Path:
        return self.root / "tasks" / task_id


class Trusting(Outbox):
    """An outbox whose every report is accepted, for tests that report to nobody."""

    def put(self, record: TaskRecord) -> None:
        super().put(record)
        self.answer(record.task_id)


@asynccontextmanager
async def working(
    root: Path, *, slots: int = 4, outbox: Outbox | None = None
) -> AsyncGenerator[Workplace, None]:
    """Work in *root* while the block runs."""
    runservice, outbox = FakeRunservice(), outbox or Trusting()
    driver = ProcessDriver(root / "pods", executor_id=EXECUTOR, grace=timedelta(seconds=0.3))
    equipment = Equipment(
        driver=driver,
        logs=DiskLogs(root / "tasks"),
        archives=DiskArchives(root / "tasks"),
        workspace=runservice,
        clock=SystemClock(),
    )
    async with asyncio.TaskGroup() as group:
        records = DiskTasks(root / "tasks")
        tasks = TaskActions(equipment, records, outbox, slots=slots, group=group)
        reading = ReadingActions(tasks.find, equipment.logs, equipment.archives)
        try:
            await tasks.recover()
            yield Workplace(root, runservice, equipment, tasks, reading, outbox)
        finally:
            tasks.abandon()
    await driver.close()
