"""How runs go on: the decision is made in the model, here it is carried out."""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial

from msgspec import structs

from agola.core.clock import Clock
from agola.model.advance import Decision, advance
from agola.model.executor import ExecutorID, ExecutorTask
from agola.model.placement import choose_executor
from agola.model.run import ArchivedRun, Phase, Run, ordered
from agola.model.run_config import RunConfig, RunID, TaskID
from agola.services.runservice.ports.archive import RunArchive, RunConfigs
from agola.services.runservice.ports.live import (
    NO_CHANGE,
    AnyKey,
    Change,
    LiveState,
    Puts,
    archived_key,
    executor_key,
    executor_task_key,
    group_key,
    request_key,
    run_key,
    slots_key,
    task_key,
)


class AdvanceActions:
    """Moves runs: their tasks to executors, themselves to their end and into the archive."""

    def __init__(
        self, live: LiveState, configs: RunConfigs, archive: RunArchive, *, clock: Clock
    ) -> None:
        self._live = live
        self._configs = configs
        self._archive = archive
        self._clock = clock

    async def advance(self, run_id: RunID) -> bool:
        """Do what follows from the state of a run.  Says whether a task waits for an executor."""
        if not self._running(run_id):
            return False
        config = await self._configs.read(run_id)
        unplaced = False

        def decide() -> Change:
            nonlocal unplaced
            run = self._running(run_id)
            if run is None:
                return NO_CHANGE
            change, unplaced = self.next_of(run, config)
            return change

        await self._live.change(decide)
        return unplaced

    def next_of(self, run: Run, config: RunConfig) -> tuple[Change, bool]:
        """Say what follows for *run*, and whether a task finds no executor."""
        held, tasks = self._live.executor_tasks(run.id), self._live.tasks(run.id)
        decision = advance(run, tasks, config, held, now=self._clock.now())
        placed = self._placements(decision, config)
        unplaced = len(placed) < len(decision.assign)
        change = _change(self._live.run(run.id), decision, held, placed)
        if decision.run.phase is Phase.FINISHED and self._live.holder(run.group) == run.id:
            change = replace(change, delete=(group_key(run.group),))
        return change, unplaced

    async def archive(self, run_id: RunID) -> None:
        """Move a run that has ended from the live state to the archive.  May be repeated."""
        run = self._live.run(run_id)
        if run is None or not run.phase.ended:
            return
        tasks = self._live.tasks(run_id)
        position = await self._archive.add(ArchivedRun(run=run, tasks=ordered(tasks)))
        keys: list[AnyKey] = [task_key(run_id, task_id) for task_id in tasks]
        if run.request_id:
            keys.append(request_key(run.request_id))
        delete = (*keys, run_key(run_id))

        def decide() -> Change:
            further = position > self._live.archived
            return Change(put={archived_key(): position} if further else {}, delete=delete)

        await self._live.change(decide)

    async def sweep(self, suspects: AbstractSet[RunID]) -> AbstractSet[RunID]:
        """Delete the tasks of *suspects* that have no run still.  Gives the next suspects.

        A large run is created tasks first; whoever is a suspect for a while will not be completed.
        """
        orphans = self._live.orphans()
        for run_id in orphans & suspects:
            keys = tuple(task_key(run_id, task_id) for task_id in self._live.tasks(run_id))
            await self._live.change(partial(Change, delete=keys, unchanged=(run_key(run_id),)))
        return orphans - suspects

    def _running(self, run_id: RunID) -> Run | None:
        run = self._live.run(run_id)
        return run if run is not None and run.phase is Phase.RUNNING else None

    def _placements(self, decision: Decision, config: RunConfig) -> dict[TaskID, ExecutorID]:
        """Choose executors for as many of the tasks as there is room for."""
        executors = self._live.executors()
        loads = Counter(
            {
                id_: sum(not one.status.phase.ended for one in self._live.assigned(id_).values())
                for id_ in executors
            }
        )
        placed: dict[TaskID, ExecutorID] = {}
        for task_id in decision.assign:
            runtime = config.tasks[task_id].runtime
            executor = choose_executor(runtime, executors.values(), loads)
            if executor is not None:
                loads[executor.id] += 1
                placed[task_id] = executor.id
        return placed


def _change(
    known: Run | None,
    decision: Decision,
    held: Mapping[TaskID, ExecutorTask],
    placed: Mapping[TaskID, ExecutorID],
) -> Change:
    run = decision.run
    put: Puts = {task_key(run.id, task.id): task for task in decision.tasks}
    for task_id in decision.stop:
        put[executor_task_key(task_id)] = structs.replace(held[task_id], stop=True)
    for task_id, executor_id in placed.items():
        task = ExecutorTask(task_id=task_id, run_id=run.id, executor_id=executor_id)
        put[executor_task_key(task_id)] = task
        put[slots_key(executor_id)] = task_id
    if run != known:
        put[run_key(run.id)] = run
    return Change(
        put=put,
        unchanged=(run_key(run.id), *(executor_key(id_) for id_ in set(placed.values()))),
    )
