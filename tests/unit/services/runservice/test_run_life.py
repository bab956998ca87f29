"""The life of runs, as callers and executors see it."""

import asyncio
from contextlib import aclosing

import pytest
from msgspec import structs

from agola.core.errors import BadRequestError, NotExistError, PreconditionError
from agola.model.assignment import AssignedTask
from agola.model.executor import ExecutorTaskPhase
from agola.model.run import Phase, Result, Task, TaskStatus
from agola.model.run_config import RunConfig, RunID
from agola.model.run_event import (
    RunChanged,
    RunDifference,
    RunEnded,
    RunProgress,
    RunsSnapshot,
    RunState,
)
from agola.model.run_query import RunNumber
from tests.fakes.task_executor import fake_executor
from tests.unit.services.runservice.conftest import Runservice, Start, a_run


async def ended(runservice: Runservice, run_id: RunID) -> list[RunProgress]:
    """Watch a run to its end."""
    async with asyncio.timeout(20), aclosing(runservice.runs.watch_run(run_id)) as progress:
        told = [one async for one in progress if one is not None]
    assert isinstance(told[-1], RunEnded)
    return told


async def final(runservice: Runservice, run_id: RunID) -> RunState:
    await ended(runservice, run_id)
    return await runservice.runs.get_run(run_id)


def statuses(tasks: tuple[Task, ...]) -> dict[str, TaskStatus]:
    return {task.name: task.status for task in tasks}


async def test_a_graph_of_tasks_runs_to_its_end(runservice: Runservice) -> None:
    async with fake_executor(runservice.channel, works=True) as executor:
        created = await runservice.runs.create_run(a_run("a", "b<a", "c<a", "d<b,c"))
        assert (created.run.phase, created.run.counter) == (Phase.QUEUED, 1)
        started = await runservice.runs.start_run(created.run.id)
        assert started.phase is Phase.RUNNING
        state = await final(runservice, created.run.id)
        assert (state.run.phase, state.run.result) == (Phase.FINISHED, Result.SUCCESS)
        assert set(statuses(state.tasks).values()) == {TaskStatus.SUCCESS}
        names = {task.id: task.name for task in state.tasks}
        order = [names[task_id] for task_id in executor.begun]
        assert (order[0], order[-1], sorted(order[1:3])) == ("a", "d", ["b", "c"])


async def test_a_watcher_sees_every_task_change_and_the_end(runservice: Runservice) -> None:
    async with fake_executor(runservice.channel, works=True):
        created = await runservice.runs.create_run(a_run("a"))
        watching = asyncio.create_task(ended(runservice, created.run.id))
        await runservice.runs.start_run(created.run.id)
        told = await watching
        assert isinstance(told[0], RunState)
        changes = [one for one in told if isinstance(one, RunDifference)]
        phases = [one.run.phase for one in changes if one.run]
        assert phases[-1] is Phase.FINISHED
        seen = [task.status for one in changes for task in one.tasks]
        assert seen[-1] is TaskStatus.SUCCESS


async def test_a_failed_task_skips_what_depends_on_it(runservice: Runservice) -> None:
    async with fake_executor(runservice.channel) as executor:
        created = await runservice.runs.create_run(a_run("a", "b<a"))
        await runservice.runs.start_run(created.run.id)
        task = await executor.next()
        await executor.begin(task)
        await executor.end(task, ExecutorTaskPhase.FAILED)
        state = await final(runservice, created.run.id)
        assert state.run.result is Result.FAILED
        assert statuses(state.tasks) == {"a": TaskStatus.FAILED, "b": TaskStatus.SKIPPED}


async def test_stopping_tells_the_executor_and_ends_the_run(runservice: Runservice) -> None:
    async with fake_executor(runservice.channel) as executor:
        created = await runservice.runs.create_run(a_run("a", "b<a"))
        await runservice.runs.start_run(created.run.id)
        task = await executor.next()
        await executor.begin(task)
        assert (await runservice.runs.stop_run(created.run.id)).stop
        assert (await runservice.runs.stop_run(created.run.id)).stop
        told = await executor.assigned.get()
        assert told.task.stop
        await executor.end(task, ExecutorTaskPhase.STOPPED)
        state = await final(runservice, created.run.id)
        assert state.run.result is Result.STOPPED
        assert statuses(state.tasks) == {"a": TaskStatus.STOPPED, "b": TaskStatus.SKIPPED}


async def test_a_cancelled_run_is_archived_and_cannot_start(runservice: Runservice) -> None:
    created = await runservice.runs.create_run(a_run("a"))
    assert (await runservice.runs.cancel_run(created.run.id)).phase is Phase.CANCELLED
    assert (await final(runservice, created.run.id)).run.phase is Phase.CANCELLED
    with pytest.raises(PreconditionError) as caught:
        await runservice.runs.start_run(created.run.id)
    assert caught.value.reason == "RUN_NOT_QUEUED"


async def test_a_run_with_setup_errors_ends_at_once(runservice: Runservice) -> None:
    config = RunConfig(id=RunID(""), name="bad", group="/user/u", setup_errors=("no such key",))
    created = await runservice.runs.create_run(config)
    state = await final(runservice, created.run.id)
    assert state.run.phase is Phase.SETUP_ERROR
    assert state.run.setup_errors == ("no such key",)


async def test_one_run_of_a_group_runs_at_a_time(runservice: Runservice) -> None:
    async with fake_executor(runservice.channel) as executor:
        first = (await runservice.runs.create_run(a_run("a"))).run
        second = (await runservice.runs.create_run(a_run("a"))).run
        other = (await runservice.runs.create_run(a_run("a", group="/user/v"))).run
        starts = [runservice.runs.start_run(run.id) for run in (first, second, other)]
        results = await asyncio.gather(*starts, return_exceptions=True)
        refused = [one for one in results if isinstance(one, PreconditionError)]
        assert [one.reason for one in refused] == ["RUN_GROUP_BUSY"]
        await runservice.runs.stop_run(other.id)
        winner, loser = (second, first) if results[0] is refused[0] else (first, second)
        task = await executor.next()
        while task.task.run_id != winner.id:
            task = await executor.next()
        await executor.begin(task)
        await executor.end(task)
        await ended(runservice, winner.id)
        assert (await runservice.runs.start_run(loser.id)).phase is Phase.RUNNING


async def test_numbers_are_consecutive_whoever_creates_at_once(runservice: Runservice) -> None:
    groups = [f"/project/p/branch/{number}" for number in range(10)]
    created = await asyncio.gather(
        *(runservice.runs.create_run(a_run("a", group=group)) for group in groups),
        runservice.runs.create_run(a_run("a", group="/project/q/branch/b")),
    )
    numbers = [one.run.counter for one in created]
    assert sorted(numbers[:10]) == list(range(1, 11))
    assert numbers[10] == 1


async def test_a_request_makes_one_run_however_often_it_is_sent(runservice: Runservice) -> None:
    request_id = "5b6e2a2c-8f4d-4f5c-9d6f-0e7b7a0d8a11"
    both = await asyncio.gather(
        *(runservice.runs.create_run(a_run("a"), request_id=request_id) for _ in range(3))
    )
    first = both[0].run.id
    assert {one.run.id for one in both} == {first}
    await runservice.runs.cancel_run(first)
    await ended(runservice, first)
    again = await runservice.runs.create_run(a_run("a"), request_id=request_id)
    assert again.run.id == first


async def test_a_request_for_a_broken_run_makes_one_too(runservice: Runservice) -> None:
    config = RunConfig(id=RunID(""), name="bad", group="/user/u", setup_errors=("no such key",))
    created = await asyncio.gather(
        *(runservice.runs.create_run(config, request_id="again") for _ in range(10))
    )
    assert len({one.run.id for one in created}) == 1


async def test_a_run_is_found_by_its_number_alive_and_archived(runservice: Runservice) -> None:
    created = await runservice.runs.create_run(a_run("a", group="/project/p/branch/b"))
    number = RunNumber(root_group="/project/p", counter=1)
    assert (await runservice.runs.get_run(number)).run.id == created.run.id
    await runservice.runs.cancel_run(created.run.id)
    await ended(runservice, created.run.id)
    assert (await runservice.runs.get_run(number)).run.id == created.run.id
    with pytest.raises(NotExistError) as caught:
        await runservice.runs.get_run(RunNumber(root_group="/project/p", counter=2))
    assert caught.value.reason == "RUN_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (a_run(group="user/u"), "RUN_GROUP_INVALID"),
        (a_run(name=""), "RUN_NAME_REQUIRED"),
        (a_run("a", "a"), "RUN_CONFIG_INVALID"),
        (a_run(name="x" * 101), "RUN_CONFIG_INVALID"),
    ],
)
async def test_what_makes_no_run_is_refused(
    runservice: Runservice, config: RunConfig, reason: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await runservice.runs.create_run(config)
    assert caught.value.reason == reason


async def test_a_run_of_a_thousand_tasks_is_created_and_stopped(runservice: Runservice) -> None:
    edges = ["t0", *(f"t{number}<t0" for number in range(1, 1000))]
    async with fake_executor(runservice.channel) as executor:
        created = await runservice.runs.create_run(a_run(*edges))
        assert len(created.tasks) == 1000
        await runservice.runs.start_run(created.run.id)
        task: AssignedTask = await executor.next()
        await runservice.runs.stop_run(created.run.id)
        await executor.end(task, ExecutorTaskPhase.CANCELLED)
        state = await final(runservice, created.run.id)
        assert state.run.result is Result.STOPPED
        assert len(state.tasks) == 1000


@pytest.mark.parametrize("children", [97, 98, 99, 150])  # about as many as go into a transaction
async def test_a_large_run_that_ends_at_once_gives_its_turn_back(
    runservice: Runservice, children: int
) -> None:
    created = await runservice.runs.create_run(a_run("t", *(f"t{n}<t" for n in range(children))))
    await runservice.runs.start_run(created.run.id)
    await runservice.runs.stop_run(created.run.id)
    assert (await final(runservice, created.run.id)).run.result is Result.STOPPED
    after = await runservice.runs.create_run(a_run("a"))
    assert (await runservice.runs.start_run(after.run.id)).phase is Phase.RUNNING


async def test_a_run_of_skipped_tasks_succeeds_as_soon_as_it_starts(
    runservice: Runservice,
) -> None:
    config = a_run("a", "b")
    tasks = {id_: structs.replace(task, skip=True) for id_, task in config.tasks.items()}
    for _ in range(2):
        created = await runservice.runs.create_run(structs.replace(config, tasks=tasks))
        await runservice.runs.start_run(created.run.id)
        state = await final(runservice, created.run.id)
        assert (state.run.phase, state.run.result) == (Phase.FINISHED, Result.SUCCESS)


async def test_events_tell_every_phase_in_order_and_resume_without_a_gap(
    runservice: Runservice,
) -> None:
    old = (await runservice.runs.create_run(a_run("a", group="/user/old"))).run
    async with (
        fake_executor(runservice.channel, works=True),
        aclosing(runservice.events.watch_run_events()) as events,
    ):
        snapshot = await anext(events)
        assert isinstance(snapshot, RunsSnapshot)
        assert [run.id for run in snapshot.runs] == [old.id]
        created = (await runservice.runs.create_run(a_run("a"))).run
        await runservice.runs.start_run(created.id)
        told = await until_finished(events)
    assert told[0] == (created.id, Phase.QUEUED, Result.UNKNOWN)
    assert told[1] == (created.id, Phase.RUNNING, Result.UNKNOWN)
    assert told[-1] == (created.id, Phase.FINISHED, Result.SUCCESS)
    after = snapshot.revision
    async with aclosing(runservice.events.watch_run_events(after_revision=after)) as events:
        assert await until_finished(events) == told


async def until_finished(events: object) -> list[tuple[RunID, Phase, Result]]:
    told: list[tuple[RunID, Phase, Result]] = []
    async with asyncio.timeout(20):
        async for event in events:  # type: ignore[attr-defined]
            if isinstance(event, RunChanged):
                told.append((event.run.id, event.run.phase, event.run.result))
                if event.run.phase is Phase.FINISHED:
                    break
    return told


async def test_everything_goes_on_after_a_restart(start: Start) -> None:
    async with start() as runservice, fake_executor(runservice.channel) as executor:
        run = (await runservice.runs.create_run(a_run("a", "b<a"))).run
        queued = (await runservice.runs.create_run(a_run("a"))).run
        await runservice.runs.start_run(run.id)
        await executor.begin(await executor.next())
    async with start() as runservice, fake_executor(runservice.channel) as executor:
        held = await executor.assigned.get()
        assert held.task.status.phase is ExecutorTaskPhase.RUNNING
        await executor.end(held)
        second = await executor.next()
        await executor.begin(second)
        await executor.end(second)
        assert (await final(runservice, run.id)).run.result is Result.SUCCESS
        later = (await runservice.runs.create_run(a_run("a"))).run
        assert (later.counter, later.id > queued.id) == (3, True)
    async with start() as runservice:
        assert (await runservice.runs.get_run(run.id)).run.phase is Phase.FINISHED
        assert (await runservice.runs.get_run(queued.id)).run.phase is Phase.QUEUED
