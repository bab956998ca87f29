"""An executor that runs nothing: it registers, takes tasks and reports what it is told to."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import grpc

from agola.clients.runservice import ExecutorTaskClient
from agola.model.assignment import AssignedTask, AssignedTasks, ReleasedTask
from agola.model.executor import (
    Executor,
    ExecutorID,
    ExecutorTaskPhase,
    ExecutorTaskStatus,
    SessionID,
)
from agola.model.run_config import RunID, TaskID


class FakeTaskExecutor:
    """Drives the real client.  `begun` names every task that it was allowed to begin, in order."""

    def __init__(self, channel: grpc.aio.Channel, name: str, slots: int) -> None:
        self.client = ExecutorTaskClient(channel)
        self.executor = Executor(
            id=ExecutorID(name), name=name, address="unix:/nobody", slots=slots
        )
        self.session = SessionID("")
        self.assigned: asyncio.Queue[AssignedTask] = asyncio.Queue()
        self.released: asyncio.Queue[TaskID] = asyncio.Queue()
        self.snapshots: asyncio.Queue[AssignedTasks] = asyncio.Queue()
        self.begun: list[TaskID] = []

    async def register(self) -> None:
        registration = await self.client.register_executor(self.executor)
        self.session = registration.session

    async def watch(self) -> None:
        watch = self.client.watch_executor_tasks(self.executor.id, self.session)
        async with aclosing(watch) as assignments:
            async for one in assignments:
                match one:
                    case AssignedTasks():
                        self.snapshots.put_nowait(one)
                    case AssignedTask():
                        self.assigned.put_nowait(one)
                    case ReleasedTask(task_id):
                        self.released.put_nowait(task_id)
                    case None:
                        pass

    async def report(
        self, run_id: RunID, task_id: TaskID, phase: ExecutorTaskPhase, *, sequence: int
    ) -> None:
        status = ExecutorTaskStatus(sequence=sequence, phase=phase)
        await self.client.update_executor_task_status(
            self.executor.id, self.session, run_id, task_id, status=status
        )

    async def begin(self, one: AssignedTask) -> None:
        await self.report(one.task.run_id, one.task.task_id, ExecutorTaskPhase.RUNNING, sequence=1)
        self.begun.append(one.task.task_id)

    async def end(
        self, one: AssignedTask, phase: ExecutorTaskPhase = ExecutorTaskPhase.SUCCESS
    ) -> None:
        await self.report(one.task.run_id, one.task.task_id, phase, sequence=2)

    async def next(self) -> AssignedTask:
        """Wait for a task to begin with."""
        while True:
            one = await self.assigned.get()
            if one.task.status.phase is ExecutorTaskPhase.NOT_STARTED and not one.task.stop:
                return one

    async def work(self) -> None:
        """Begin and end every task that comes, for ever."""
        while True:
            one = await self.next()
            await self.begin(one)
            await self.end(one)


@asynccontextmanager
async def fake_executor(
    channel: grpc.aio.Channel, *, name: str = "fake", slots: int = 4, works: bool = False
) -> AsyncGenerator[FakeTaskExecutor, None]:
    """Give a registered executor that watches its tasks; with *works*, it ends them at once."""
    executor = FakeTaskExecutor(channel, name, slots)
    await executor.register()
    async with AsyncExitStack() as stack:
        tasks = [asyncio.create_task(executor.watch())]
        stack.callback(lambda: [task.cancel() for task in tasks])
        await executor.snapshots.get()
        if works:
            tasks.append(asyncio.create_task(executor.work()))
        yield executor
