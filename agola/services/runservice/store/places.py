"""Where tasks are, and which of them wait for their logs and archives to be stored."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

from msgspec import structs

from agola.core.errors import NotExistError
from agola.model.executor import ExecutorID, ExecutorTask
from agola.model.log import SETUP_LOG, LogPart
from agola.model.run import StepState, Task, with_log_size
from agola.model.run_config import RunID, TaskID
from agola.services.runservice.ports.archive import RunArchive
from agola.services.runservice.ports.live import (
    NO_CHANGE,
    Change,
    LiveState,
    Touched,
    executor_task_key,
    task_key,
)
from agola.services.runservice.ports.logs import TaskPlace


class LiveTaskPlaces:
    """Finds tasks in the live state, and in the archive behind it."""

    def __init__(self, live: LiveState, archive: RunArchive) -> None:
        self._live = live
        self._archive = archive

    async def place(self, run_id: RunID, task_id: TaskID) -> TaskPlace:
        """Say where a task is."""
        if self._live.run(run_id) is None:
            return TaskPlace(run_id=run_id, task=await self._archived(run_id, task_id))
        task = self._live.tasks(run_id).get(task_id)
        if task is None:
            raise _no_task(run_id, task_id)
        return self._place(run_id, task)

    async def watch_place(self, run_id: RunID, task_id: TaskID) -> AsyncGenerator[TaskPlace, None]:
        """Tell where a task is: at once, then after every change."""
        told: TaskPlace | None = None
        with self._live.watching_run(run_id) as wake:
            while True:
                place = await self.place(run_id, task_id)
                over = self._is_over(run_id)
                if place != told:
                    told = place
                    yield place
                if over or (place.task.status.ended and not self._live.executor_task(task_id)):
                    return
                await wake.wait()

    async def owns_task_of(self, executor_id: ExecutorID, run_id: RunID) -> bool:
        return any(task.run_id == run_id for task in self._live.assigned(executor_id).values())

    async def watch_ended(self) -> AsyncGenerator[TaskPlace, None]:
        """Tell every ended executor task that is not stored: those there are, then each new one."""
        told: set[TaskID] = set()
        dirty: dict[RunID, None] = {run.id: None for run in self._live.runs()}
        changed = asyncio.Event()
        changed.set()

        def listen(touched: Touched) -> None:
            dirty.update(dict.fromkeys(touched.runs))
            changed.set()

        with self._live.listening(listen):
            while True:
                await changed.wait()
                changed.clear()
                while dirty:
                    run_id = next(iter(dirty))
                    del dirty[run_id]
                    for place in self._ended(run_id, told):
                        yield place

    async def mark_stored(
        self, run_id: RunID, task_id: TaskID, log_sizes: Mapping[LogPart, int]
    ) -> None:
        """Say that what could be had of a task's logs and archives is stored."""

        def decide() -> Change:
            task = self._live.tasks(run_id).get(task_id)
            if task is None or task.stored:
                return NO_CHANGE
            stored = structs.replace(_with_sizes(task, log_sizes), stored=True)
            return Change(
                put={task_key(run_id, task_id): stored}, delete=(executor_task_key(task_id),)
            )

        await self._live.change(decide)

    def _is_over(self, run_id: RunID) -> bool:
        """Say whether nothing will change any more: not even for tasks that never ran."""
        run = self._live.run(run_id)
        return run is None or run.phase.ended

    def _place(self, run_id: RunID, task: Task) -> TaskPlace:
        held = self._live.executor_task(task.id)
        executor = self._live.executors().get(held.executor_id) if held else None
        if executor is None:
            return TaskPlace(run_id=run_id, task=task)
        return TaskPlace(
            run_id=run_id, task=task, executor_id=executor.id, executor_address=executor.address
        )

    async def _archived(self, run_id: RunID, task_id: TaskID) -> Task:
        archived = await self._archive.read(run_id)
        for task in archived.tasks:
            if task.id == task_id:
                return task
        raise _no_task(run_id, task_id)

    def _ended(self, run_id: RunID, told: set[TaskID]) -> list[TaskPlace]:
        """Give the ended tasks of a run that were not told yet, and forget those that are gone."""
        tasks, held = self._live.tasks(run_id), self._live.executor_tasks(run_id)
        told.difference_update(tasks.keys() - held.keys())
        ended = [id_ for id_, task in held.items() if _waits(task) and id_ not in told]
        told.update(ended)
        return [self._place(run_id, tasks[id_]) for id_ in ended if id_ in tasks]


def _waits(task: ExecutorTask) -> bool:
    return task.status.phase.ended and not task.stored


def _with_sizes(task: Task, sizes: Mapping[LogPart, int]) -> Task:
    def sized(state: StepState, part: LogPart) -> StepState:
        return with_log_size(state, sizes[part]) if part in sizes else state

    steps = tuple(sized(state, LogPart(index)) for index, state in enumerate(task.steps))
    return structs.replace(task, setup=sized(task.setup, SETUP_LOG), steps=steps)


def _no_task(run_id: RunID, task_id: TaskID) -> NotExistError:
    message = f"run {run_id!r} has no task {task_id!r}"
    reason = "TASK_DOES_NOT_EXIST"
    return NotExistError(message, reason=reason, runId=run_id, taskId=task_id)
