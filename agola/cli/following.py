"""Following the logs of a run's tasks, each as soon as there is something in it."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import aclosing
from typing import TypeAlias

from agola.clients.gateway import LogClient
from agola.core.errors import NotExistError
from agola.model.log import LogChunk, LogPart
from agola.model.run import StepPhase, Task
from agola.model.run_config import RunID, TaskID
from agola.model.run_event import RunState
from agola.model.run_ref import TaskRef
from agola.rpc.resume import resuming

Sink: TypeAlias = Callable[[Task, LogPart, bytes], None]
"""Takes bytes of a log as they come; b"" says that the log is complete."""


class LogFollower:
    """Reads every log of a run to its end: one task beside the other, one step after the other.

    `update` says how the run is; `finish` waits until all is read.  Reading happens in *group*.
    """

    def __init__(
        self,
        logs: LogClient,
        group: asyncio.TaskGroup,
        *,
        sink: Sink,
        only: Collection[TaskID] | None = None,
    ) -> None:
        self._logs = logs
        self._group = group
        self._sink = sink
        self._only = only
        self._queues: dict[TaskID, asyncio.Queue[LogPart | None]] = {}
        self._queued: dict[TaskID, int] = {}
        self._readers: list[asyncio.Task[None]] = []

    def update(self, state: RunState) -> None:
        """Begin with every log that has come into being."""
        for task in state.tasks:
            if self._only is None or task.id in self._only:
                self._update_task(state.run.id, task)

    def stop(self) -> None:
        """Read no more."""
        for reader in self._readers:
            reader.cancel()

    async def finish(self) -> None:
        """Wait until all logs that there are were read."""
        for queue in self._queues.values():
            queue.put_nowait(None)
        if self._readers:
            await asyncio.wait(self._readers)

    def _update_task(self, run_id: RunID, task: Task) -> None:
        parts = started(task)
        if parts and task.id not in self._queues:
            queue: asyncio.Queue[LogPart | None] = asyncio.Queue()
            self._queues[task.id] = queue
            self._readers.append(self._group.create_task(self._read(run_id, task, queue)))
        for part in parts[self._queued.get(task.id, 0) :]:
            self._queues[task.id].put_nowait(part)
        self._queued[task.id] = len(parts)

    async def _read(self, run_id: RunID, task: Task, queue: asyncio.Queue[LogPart | None]) -> None:
        while (part := await queue.get()) is not None:
            await read(self._logs, run_id, task, part, sink=self._sink, follow=True)


def started(task: Task) -> tuple[LogPart, ...]:
    """Give the parts of a task that may have a log, in order."""
    phases = (task.setup.phase, *(step.phase for step in task.steps))
    parts = (LogPart(), *(LogPart(step) for step in range(len(task.steps))))
    pairs = zip(parts, phases, strict=True)
    return tuple(part for part, phase in pairs if phase is not StepPhase.NOT_STARTED)


async def read(
    logs: LogClient,
    run_id: RunID,
    task: Task,
    part: LogPart,
    *,
    sink: Sink,
    follow: bool,
    must_exist: bool = False,
) -> None:
    """Read one log to its end, through breaks.

    One that was never stored has no bytes, unless it *must_exist*.
    """
    ref = TaskRef(id=task.id)
    events = resuming(
        lambda offset: logs.stream_task_log(run_id, ref, part, offset=offset, follow=follow), 0
    )
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, LogChunk):
                    sink(task, part, event.data)
    except NotExistError as error:
        if must_exist or error.reason != "LOG_DOES_NOT_EXIST":
            raise
    sink(task, part, b"")


class Lines:
    """Cuts logs into lines, whatever pieces their bytes come in."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._rest: dict[TaskID, bytearray] = {}

    def __call__(self, task: Task, part: LogPart, data: bytes) -> None:
        """Take bytes and give whole lines on, without their breaks; at the end also the rest."""
        rest = self._rest.setdefault(task.id, bytearray())
        if not data:
            if rest:
                self._sink(task, part, bytes(rest))
                rest.clear()
            return
        rest += data
        *lines, last = bytes(rest).split(b"\n") if b"\n" in data else [bytes(rest)]
        for line in lines:
            self._sink(task, part, line)
        self._rest[task.id] = bytearray(last)
