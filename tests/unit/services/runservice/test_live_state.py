"""Live state: the picture follows the store, and a change sees what it depends on."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from agola.config.model import Config
from agola.core.clock import SystemClock
from agola.core.errors import PreconditionError
from agola.model.executor import ExecutorID, ExecutorTask, ExecutorTaskPhase, ExecutorTaskStatus
from agola.model.log import SETUP_LOG, LogPart
from agola.model.run import ArchivedRun, Phase, Run, Task, TaskStatus, initial_tasks
from agola.model.run_config import RunConfig, RunID, TaskID
from agola.model.run_id import RunIds
from agola.services.runservice.actions.advancing import AdvanceActions
from agola.services.runservice.actions.runs import RunActions
from agola.services.runservice.ports.live import (
    Change,
    Puts,
    executor_task_key,
    group_key,
    request_key,
    run_key,
    task_key,
)
from agola.services.runservice.store.archive import StoredRuns
from agola.services.runservice.store.live import KeyValueLiveState, live_state
from agola.services.runservice.store.places import LiveTaskPlaces
from agola.services.runservice.store.run_configs import StoredRunConfigs
from agola.storage import kv
from agola.storage.kv.port import KeyValue
from tests.unit.services.runservice.conftest import a_run

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class NothingArchived(StoredRuns):
    """An archive with one run in it, or none."""

    def __init__(self, archived: ArchivedRun | None = None) -> None:
        self.archived = archived

    async def read(self, run_id: RunID) -> ArchivedRun:
        assert self.archived is not None
        return self.archived

    async def requested(self, request_id: str) -> RunID | None:
        return None


class NoConfigs(StoredRunConfigs):
    """Keeps no run config; every run is the first."""

    def __init__(self) -> None:
        """Need no datamanager."""

    async def create(self, config: RunConfig) -> int:
        return 1


def a_live_run(name: str = "r") -> Run:
    return Run(
        id=RunID(name), name=name, group="/user/u", counter=1, create_time=NOW, phase=Phase.RUNNING
    )


def puts(run: Run | None, tasks: list[Task], run_id: str = "r") -> Puts:
    put: Puts = {task_key(RunID(run_id), task.id): task for task in tasks}
    return put | ({run_key(run.id): run} if run else {})


def held(task: Task, phase: ExecutorTaskPhase) -> ExecutorTask:
    return ExecutorTask(
        task_id=task.id,
        run_id=RunID("r"),
        executor_id=ExecutorID("e"),
        status=ExecutorTaskStatus(phase=phase),
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[KeyValue, None]:
    async with kv.opening(Config(data_dir=tmp_path), "x") as opened:
        yield opened


@pytest.fixture
async def live(store: KeyValue) -> AsyncGenerator[KeyValueLiveState, None]:
    async with live_state(store, SystemClock()) as state:
        yield state


async def test_two_pictures_of_one_store_come_to_show_the_same(
    store: KeyValue, live: KeyValueLiveState
) -> None:
    async with live_state(store, SystemClock()) as other:
        with other.watching_run(RunID("r")) as wake:
            tasks = list(initial_tasks(a_run("a", "b<a")).values())
            await live.change(lambda: Change(put=puts(a_live_run(), tasks)))
            while other.run(RunID("r")) is None:
                await wake.wait()
        assert other.tasks(RunID("r")) == live.tasks(RunID("r"))


async def test_a_change_decided_on_an_old_picture_is_decided_again(
    store: KeyValue, live: KeyValueLiveState
) -> None:
    turn = group_key("/user/u")

    async def take(state: KeyValueLiveState, name: str) -> None:
        def decide() -> Change:
            if state.holder("/user/u"):
                raise PreconditionError("taken", reason="RUN_GROUP_BUSY")
            return Change(put={turn: name})

        await state.change(decide)

    async with live_state(store, SystemClock()) as other:
        results = await asyncio.gather(
            take(live, "a"), take(other, "b"), take(live, "c"), return_exceptions=True
        )
    assert sorted(type(one).__name__ for one in results) == [
        "NoneType",
        "PreconditionError",
        "PreconditionError",
    ]


async def test_a_large_change_shows_the_run_only_when_all_of_it_is_there(
    live: KeyValueLiveState,
) -> None:
    edges = [f"t{number}" for number in range(350)]
    tasks = list(initial_tasks(a_run(*edges)).values())
    counts = []
    with live.listening(lambda _: counts.append(len(live.tasks(RunID("r"))))):
        await live.change(lambda: Change(put=puts(a_live_run(), tasks)))
    assert counts[-1] == 350
    assert len(counts) > 1


async def test_tasks_whose_run_was_never_completed_are_swept_in_the_end(
    live: KeyValueLiveState,
) -> None:
    actions = AdvanceActions(live, NoConfigs(), NothingArchived(), clock=SystemClock())
    tasks = list(initial_tasks(a_run("a")).values())
    await live.change(lambda: Change(put=puts(None, tasks)))
    suspects = await actions.sweep(frozenset())
    assert (suspects, len(live.tasks(RunID("r")))) == ({"r"}, 1)
    assert await actions.sweep(suspects) == frozenset()
    assert not live.tasks(RunID("r"))


async def test_a_request_whose_creation_was_cut_short_made_no_run(
    live: KeyValueLiveState,
) -> None:
    configs, archive = NoConfigs(), NothingArchived()
    advance = AdvanceActions(live, configs, archive, clock=SystemClock())
    ids = RunIds(SystemClock())
    actions = RunActions(live, configs, archive, advance, ids=ids, clock=SystemClock())
    await live.change(lambda: Change(put={request_key("request"): "cut"}))
    state = await actions.create(a_run("a"), request_id="request")
    assert state.run.id != "cut"
    assert live.requested("request") == state.run.id


async def test_ended_tasks_are_told_until_they_are_stored(live: KeyValueLiveState) -> None:
    places = LiveTaskPlaces(live, NothingArchived())
    first, second = initial_tasks(a_run("a", "b")).values()
    put = puts(a_live_run(), [first, second])
    put[executor_task_key(first.id)] = held(first, ExecutorTaskPhase.SUCCESS)
    put[executor_task_key(second.id)] = held(second, ExecutorTaskPhase.RUNNING)
    await live.change(lambda: Change(put=put))
    ended = places.watch_ended()
    assert (await anext(ended)).task.id == first.id
    now = held(second, ExecutorTaskPhase.FAILED)
    await live.change(lambda: Change(put={executor_task_key(second.id): now}))
    assert (await anext(ended)).task.id == second.id
    await ended.aclose()

    sizes = {SETUP_LOG: 3, LogPart(0): 7}
    await places.mark_stored(RunID("r"), first.id, sizes)
    await places.mark_stored(RunID("r"), first.id, {})
    task = live.tasks(RunID("r"))[first.id]
    assert (task.stored, task.setup.log_size, task.steps[0].log_size) == (True, 3, 7)
    assert live.executor_task(first.id) is None
    again = places.watch_ended()
    assert (await anext(again)).task.id == second.id
    await again.aclose()


async def test_the_place_of_a_task_is_followed_into_the_archive(live: KeyValueLiveState) -> None:
    (task,) = initial_tasks(a_run("a")).values()
    run = a_live_run()
    archived = ArchivedRun(run=run, tasks=(structs.replace(task, status=TaskStatus.CANCELLED),))
    places = LiveTaskPlaces(live, NothingArchived(archived))
    await live.change(lambda: Change(put=puts(run, [task])))
    watch = places.watch_place(run.id, task.id)
    assert (await anext(watch)).task.status is TaskStatus.NOT_STARTED
    await live.change(lambda: Change(delete=(task_key(run.id, task.id), run_key(run.id))))
    assert [place.task.status async for place in watch] == [TaskStatus.CANCELLED]


async def test_an_unknown_task_of_a_run_is_told_from_an_unknown_run(
    live: KeyValueLiveState,
) -> None:
    run = a_live_run()
    places = LiveTaskPlaces(live, NothingArchived(ArchivedRun(run=run, tasks=())))
    reasons = []
    for known in (True, False):
        await live.change(
            lambda: Change(put=puts(run, [])) if known else Change(delete=(run_key(run.id),))  # noqa: B023 (called at once)
        )
        try:
            await places.place(run.id, TaskID("t"))
        except Exception as error:  # noqa: BLE001 (its reason is the point)
            reasons.append(getattr(error, "reason", ""))
    assert reasons == ["TASK_DOES_NOT_EXIST"] * 2


async def test_the_picture_is_taken_anew_without_losing_who_waits(
    live: KeyValueLiveState,
) -> None:
    await live.change(lambda: Change(put=puts(a_live_run(), [])))
    with live.watching_run(RunID("r")) as wake:
        await live.load()
        async with asyncio.timeout(5):
            await wake.wait()
    assert [run.id for run in live.runs()] == ["r"]
