"""The store of runs, as far as logs and archives ask for it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

from msgspec import structs

from agola.core.errors import NotExistError
from agola.model.executor import ExecutorID
from agola.model.log import LogPart
from agola.model.run import Task
from agola.model.run_config import RunID, TaskID
from agola.services.runservice.ports.logs import TaskPlace


class FakeTaskPlaces:
    """`TaskPlaces` and `EndedTasks` in memory; a test moves the tasks."""

    def __init__(self) -> None:
        self.places: dict[tuple[RunID, TaskID], TaskPlace] = {}
        self.stored: dict[TaskID, Mapping[LogPart, int]] = {}
        self._news = asyncio.Condition()

    async def put(self, place: TaskPlace) -> None:
        """Say where a task is from now on."""
        self.places[place.run_id, place.task.id] = place
        async with self._news:
            self._news.notify_all()

    async def until_stored(self, task_id: TaskID) -> Mapping[LogPart, int]:
        async with self._news:
            await self._news.wait_for(lambda: task_id in self.stored)
        return self.stored[task_id]

    async def place(self, run_id: RunID, task_id: TaskID) -> TaskPlace:
        if not any(run == run_id for run, _task in self.places):
            raise NotExistError("no such run", reason="RUN_DOES_NOT_EXIST", runId=run_id)
        if (run_id, task_id) not in self.places:
            raise NotExistError("no such task", reason="TASK_DOES_NOT_EXIST", taskId=task_id)
        return self.places[run_id, task_id]

    async def watch_place(self, run_id: RunID, task_id: TaskID) -> AsyncGenerator[TaskPlace, None]:
        told = await self.place(run_id, task_id)
        yield told
        while not told.task.stored:
            async with self._news:
                await self._news.wait_for(
                    lambda: self.places[run_id, task_id] is not told  # noqa: B023
                )
            told = self.places[run_id, task_id]
            yield told

    async def owns_task_of(self, executor_id: ExecutorID, run_id: RunID) -> bool:
        return any(
            run == run_id and place.executor_id == executor_id
            for (run, _task), place in self.places.items()
        )

    async def watch_ended(self) -> AsyncGenerator[TaskPlace, None]:
        told: list[TaskPlace] = []

        def untold() -> list[TaskPlace]:
            ended = [p for p in self.places.values() if p.task.status.ended and not p.task.stored]
            return [place for place in ended if place not in told]

        while True:
            async with self._news:
                await self._news.wait_for(untold)
            for place in untold():
                told.append(place)
                yield place

    async def mark_stored(
        self, run_id: RunID, task_id: TaskID, log_sizes: Mapping[LogPart, int]
    ) -> None:
        place = self.places[run_id, task_id]
        task: Task = structs.replace(place.task, stored=True)
        self.stored[task_id] = log_sizes
        await self.put(TaskPlace(run_id=run_id, task=task))
