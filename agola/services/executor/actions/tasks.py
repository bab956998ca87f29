"""Which tasks this executor has, and what becomes of them."""

import asyncio
import logging
import re
from collections.abc import Collection

from msgspec import structs

from agola.core.errors import AgolaError
from agola.model.executor import (
    ExecutorTask,
    ExecutorTaskPhase,
    ExecutorTaskSpecData,
    ExecutorTaskStatus,
)
from agola.model.run import StepPhase
from agola.model.run_config import TaskID
from agola.services.executor.actions.execution import Equipment, Execution
from agola.services.executor.actions.outbox import Outbox
from agola.services.executor.actions.progress import ended, initial
from agola.services.executor.ports.store import TaskRecord, Tasks

logger = logging.getLogger(__name__)

RESTARTED = "the executor restarted while the step was running"
LOST = "the executor has lost the task's files"
TASK_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")
"""What may be the name of a folder."""


class TaskActions:
    """Begins, stops and forgets tasks.  A task that is known, or was ever begun, never runs again.

    No step begins before the runservice has accepted that the task is running here: until then it
    may give the task to somebody else.

    Tasks run in *group*.  Those beyond *slots*, which the runservice does not send, wait.
    """

    def __init__(
        self,
        equipment: Equipment,
        tasks: Tasks,
        outbox: Outbox,
        *,
        slots: int,
        group: asyncio.TaskGroup,
    ) -> None:
        self._with = equipment
        self._tasks = tasks
        self._outbox = outbox
        self._slots = slots
        self._group = group
        self._records: dict[TaskID, TaskRecord] = {}
        self._running: dict[TaskID, Execution] = {}
        self._waiting: dict[TaskID, tuple[ExecutorTask, ExecutorTaskSpecData]] = {}
        self._released: set[TaskID] = set()
        self._jobs: set[asyncio.Task[None]] = set()

    def find(self, task_id: TaskID) -> TaskRecord | None:
        """Give what is known of a task."""
        return self._records.get(task_id)

    async def recover(self) -> None:
        """Take up what an earlier life left: nothing runs any more, and all of it is reported."""
        await self._with.driver.remove_leftovers()
        for record in await self._tasks.load():
            self._records[record.task_id] = record
            if record.status.phase.ended:
                self._outbox.put(record)
            else:
                await self._end(record, ExecutorTaskPhase.FAILED, RESTARTED)

    def abandon(self) -> None:
        """Cut short whatever runs, because the executor ends.  The next life reports it."""
        for job in self._jobs:
            job.cancel()

    async def assign(self, task: ExecutorTask, spec: ExecutorTaskSpecData | None) -> None:
        """Take notice of a task as the runservice has it: begin it, stop it, or know it already."""
        if (running := self._running.get(task.task_id)) is not None:
            if task.stop:
                running.stop()
        elif task.task_id not in self._records and not task.status.phase.ended:
            await self._take(task, spec)

    async def keep_only(self, task_ids: Collection[TaskID]) -> None:
        """Forget all tasks but these."""
        for task_id in {*self._records, *self._waiting}.difference(task_ids):
            await self.release(task_id)

    async def release(self, task_id: TaskID) -> None:
        """Forget a task with its files.  One that runs is stopped first."""
        self._waiting.pop(task_id, None)
        if (running := self._running.get(task_id)) is not None:
            self._released.add(task_id)
            running.stop()
        elif self._records.pop(task_id, None) is not None:
            self._outbox.forget(task_id)
            await self._tasks.delete(task_id)

    async def _take(self, task: ExecutorTask, spec: ExecutorTaskSpecData | None) -> None:
        """Deal with a task that is not known."""
        if not TASK_ID.fullmatch(task.task_id):
            logger.error("task %r has an id that is none", task.task_id)
        elif task.status.phase is ExecutorTaskPhase.RUNNING:
            await self._end(_record(task, initial(task, spec)), ExecutorTaskPhase.FAILED, LOST)
        elif task.stop:
            self._waiting.pop(task.task_id, None)
            await self._end(_record(task, initial(task, spec)), ExecutorTaskPhase.CANCELLED)
        elif spec is not None and len(self._running) < self._slots:
            self._begin(task, spec)
        elif spec is not None:
            self._waiting[task.task_id] = (task, spec)

    def _begin(self, task: ExecutorTask, spec: ExecutorTaskSpecData) -> None:
        async def tell(status: ExecutorTaskStatus) -> None:
            if status.phase.ended:
                self._running.pop(task.task_id)  # a free slot, before anybody hears of it
                self._with.logs.close(task.task_id)
            await self._keep(_record(task, status))
            if _begins_a_step(status):
                await self._outbox.claimed(task.task_id)

        execution = Execution(task, spec, equipment=self._with, tell=tell)
        self._records[task.task_id] = _record(task, initial(task, spec))
        self._running[task.task_id] = execution
        self._with.logs.expect(task.task_id)
        job = self._group.create_task(
            self._run(task.task_id, execution), name=f"task {task.task_id}"
        )
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _run(self, task_id: TaskID, execution: Execution) -> None:
        try:
            await execution.run()
        except Exception:
            logger.exception("task %s failed by our own fault", task_id)
        finally:
            self._running.pop(task_id, None)
        if task_id in self._released:
            self._released.discard(task_id)
            await self.release(task_id)
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # the executor ends: nothing begins any more
            return
        while self._waiting and len(self._running) < self._slots:
            self._begin(*self._waiting.pop(next(iter(self._waiting))))

    async def _end(self, record: TaskRecord, phase: ExecutorTaskPhase, failure: str = "") -> None:
        status = ended(record.status, phase, self._with.clock.now(), failure=failure)
        await self._keep(structs.replace(record, status=status))

    async def _keep(self, record: TaskRecord) -> None:
        """Write a record down, then have it reported.

        An end is reported even if it cannot be written: the disk may be full, the run goes on.
        """
        known = self._records.get(record.task_id)
        self._records[record.task_id] = record
        began = known is not None and known.status.phase is ExecutorTaskPhase.RUNNING
        try:
            if began and not record.status.phase.ended:
                await self._tasks.note(record)
            else:
                await self._tasks.save(record)
        except AgolaError:
            if not record.status.phase.ended:
                raise
            logger.exception("the end of task %s is not written down", record.task_id)
        finally:
            self._outbox.put(record)


def _begins_a_step(status: ExecutorTaskStatus) -> bool:
    return any(step.phase is StepPhase.RUNNING for step in status.steps)


def _record(task: ExecutorTask, status: ExecutorTaskStatus) -> TaskRecord:
    return TaskRecord(task_id=task.task_id, run_id=task.run_id, status=status)
