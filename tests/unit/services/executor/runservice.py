"""A runservice as far as executors see it, for tests."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncGenerator
from datetime import timedelta

from agola.core.errors import NotExistError, PreconditionError, UnavailableError
from agola.model.archive import ArchiveEvent
from agola.model.assignment import (
    AssignedTask,
    AssignedTasks,
    Assignment,
    Registration,
    ReleasedTask,
)
from agola.model.executor import (
    Executor,
    ExecutorID,
    ExecutorTask,
    ExecutorTaskPhase,
    ExecutorTaskSpecData,
    ExecutorTaskStatus,
    SessionID,
)
from agola.model.run_config import RunID, Step, TaskID

RUN = RunID("run-1")
EXECUTOR = ExecutorID(f"executor-{os.getpid()}")
"""Different in each process: a driver ends what an earlier life of its executor left."""


def task(task_id: str, *, stop: bool = False, **status: object) -> ExecutorTask:
    return ExecutorTask(
        task_id=TaskID(task_id),
        run_id=RUN,
        executor_id=EXECUTOR,
        stop=stop,
        status=ExecutorTaskStatus(**status),  # type: ignore[arg-type]
    )


def spec(*steps: Step, **more: object) -> ExecutorTaskSpecData:
    return ExecutorTaskSpecData(task_name="build", run_name="run", steps=steps, **more)  # type: ignore[arg-type]


class FakeRunservice:
    """Hands out what a test assigns and keeps what is reported."""

    def __init__(self) -> None:
        self.executors: list[Executor] = []
        self.session = SessionID("")
        self.keep_alives = 0
        self.outage = False
        self.deaf = False
        """Takes no reports, and is there otherwise."""
        self.refused = asyncio.Event()
        self.assigned: dict[TaskID, AssignedTask] = {}
        self.reported: dict[TaskID, list[ExecutorTaskStatus]] = defaultdict(list)
        self.archives: dict[tuple[str, int], list[ArchiveEvent]] = {}
        self.keep_alive = timedelta(seconds=60)
        self._changed = asyncio.Condition()
        self._watchers: list[asyncio.Queue[Assignment | None]] = []

    async def assign(self, task: ExecutorTask, spec: ExecutorTaskSpecData | None) -> None:
        event = self.assigned[task.task_id] = AssignedTask(task, spec)
        self._send(event)

    async def release(self, task_id: str) -> None:
        self.assigned.pop(TaskID(task_id), None)
        self._send(ReleasedTask(TaskID(task_id)))

    def forget(self) -> None:
        """Let the session be stale."""
        self.session = SessionID("")
        self.cut()

    def cut(self) -> None:
        """End the streams."""
        self._send(None)

    async def status(self, task_id: str, *phases: ExecutorTaskPhase) -> ExecutorTaskStatus:
        """Wait until a task was reported in one of *phases*, or as ended."""

        def found() -> ExecutorTaskStatus | None:
            for status in reversed(self.reported[TaskID(task_id)]):
                if status.phase in phases or (not phases and status.phase.ended):
                    return status
            return None

        async with self._changed:
            await self._changed.wait_for(found)
        status = found()
        assert status is not None
        return status

    async def registrations(self, executors: int) -> None:
        """Wait until executors registered so many times."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.executors) >= executors)

    async def register_executor(self, executor: Executor) -> Registration:
        self._reachable()
        async with self._changed:
            self.executors.append(executor)
            self._changed.notify_all()
        self.session = SessionID(f"session-{len(self.executors)}")
        return Registration(self.session, self.keep_alive, timedelta(seconds=60))

    async def keep_executor_alive(self, executor_id: ExecutorID, session: SessionID) -> None:
        self._check(session)
        self.keep_alives += 1

    async def watch_executor_tasks(
        self, executor_id: ExecutorID, session: SessionID
    ) -> AsyncGenerator[Assignment | None, None]:
        self._check(session)
        queue: asyncio.Queue[Assignment | None] = asyncio.Queue()
        self._watchers.append(queue)
        try:
            assigned = list(self.assigned.values())
            yield AssignedTasks(tuple(self.assigned))
            for event in assigned:
                yield event
            while (next_event := await queue.get()) is not None:
                yield next_event
        finally:
            self._watchers.remove(queue)

    async def update_executor_task_status(
        self,
        executor_id: ExecutorID,
        session: SessionID,
        run_id: RunID,
        task_id: TaskID,
        *,
        status: ExecutorTaskStatus,
    ) -> None:
        self._check(session)
        if self.deaf:
            self.refused.set()
            raise UnavailableError("not now", reason="KV_UNAVAILABLE")
        if task_id not in self.assigned:
            raise NotExistError("no such task", reason="EXECUTOR_TASK_DOES_NOT_EXIST")
        async with self._changed:
            self.reported[task_id].append(status)
            self._changed.notify_all()

    async def stream_workspace_archive(
        self,
        executor_id: ExecutorID,
        run_id: RunID,
        task_id: TaskID,
        *,
        step: int,
        offset: int = 0,
    ) -> AsyncGenerator[ArchiveEvent, None]:
        for event in self.archives[task_id, step]:
            yield event

    def _send(self, event: Assignment | None) -> None:
        for queue in self._watchers:
            queue.put_nowait(event)

    def _check(self, session: SessionID) -> None:
        self._reachable()
        if session != self.session:
            raise PreconditionError("the session is stale", reason="EXECUTOR_SESSION_STALE")

    def _reachable(self) -> None:
        if self.outage:
            self.refused.set()
            raise UnavailableError("no route", reason="UNREACHABLE")
