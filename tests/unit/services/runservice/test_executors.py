"""Executors: sessions, assignments, reports, and what happens when one is lost."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from agola.config.model import Config
from agola.core.errors import AgolaError, BadRequestError, NotExistError, PreconditionError
from agola.core.ids import RandomIds
from agola.model.executor import (
    Executor,
    ExecutorID,
    ExecutorTask,
    ExecutorTaskPhase,
    ExecutorTaskStatus,
    SessionID,
)
from agola.model.run import Phase, Run, StepPhase, StepState, TaskStatus, initial_tasks
from agola.model.run_config import RunID, TaskID
from agola.services.runservice.actions.executors import ExecutorActions
from agola.services.runservice.actions.reports import LOST, ReportActions
from agola.services.runservice.ports.live import (
    Change,
    Puts,
    executor_task_key,
    run_key,
    task_key,
)
from agola.services.runservice.store.live import KeyValueLiveState, live_state
from agola.services.runservice.store.run_configs import StoredRunConfigs
from agola.storage import kv
from tests.fakes.task_executor import FakeTaskExecutor, fake_executor
from tests.unit.services.runservice.conftest import Runservice, Start, a_run

RUNNING = ExecutorTaskPhase.RUNNING


async def reason_of(awaitable: object) -> str:
    with pytest.raises(AgolaError) as caught:
        await awaitable  # type: ignore[misc]
    return caught.value.reason


async def started(runservice: Runservice, *edges: str, group: str = "/user/u") -> RunID:
    run = (await runservice.runs.create_run(a_run(*edges, group=group))).run
    await runservice.runs.start_run(run.id)
    return run.id


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"id": ""}, "EXECUTOR_ID_REQUIRED"),
        ({"address": ""}, "EXECUTOR_ADDRESS_REQUIRED"),
        ({"slots": 0}, "EXECUTOR_SLOTS_INVALID"),
    ],
)
async def test_what_is_no_executor_is_refused(
    runservice: Runservice, wrong: dict[str, object], reason: str
) -> None:
    executor = Executor(id=ExecutorID("e"), name="e", address="unix:e")
    with pytest.raises(BadRequestError) as caught:
        await runservice.tasks.register_executor(structs.replace(executor, **wrong))
    assert caught.value.reason == reason


async def test_a_new_session_ends_the_older_one_and_its_stream(runservice: Runservice) -> None:
    old = FakeTaskExecutor(runservice.channel, "e", 1)
    await old.register()
    watching = asyncio.create_task(old.watch())
    await old.snapshots.get()
    async with fake_executor(runservice.channel, name="e", slots=1):
        assert await reason_of(watching) == "EXECUTOR_SESSION_STALE"
        alive = old.client.keep_executor_alive(old.executor.id, old.session)
        assert await reason_of(alive) == "EXECUTOR_SESSION_STALE"
        run_id = await started(runservice, "a")
        report = old.report(run_id, TaskID("t"), RUNNING, sequence=1)
        assert await reason_of(report) == "EXECUTOR_SESSION_STALE"


async def test_an_executor_gets_no_more_tasks_than_it_has_slots(runservice: Runservice) -> None:
    async with fake_executor(runservice.channel, slots=2) as executor:
        first = await started(runservice, "a", "b", "c")
        await started(runservice, "a", group="/user/v")
        taken = [await executor.next(), await executor.next()]
        assert {one.task.run_id for one in taken} == {first}
        ((load,), more) = await runservice.registry.list_executors()
        assert (load.executor.id, load.active_tasks, more) == ("fake", 2, "")
        await executor.begin(taken[0])
        assert executor.assigned.empty()
        await executor.end(taken[0])
        third = await executor.next()
        assert third.task.run_id == first


async def test_waiting_tasks_go_to_an_executor_that_comes_later(runservice: Runservice) -> None:
    run_id = await started(runservice, "a")
    async with fake_executor(runservice.channel) as executor:
        one = await executor.next()
        assert one.task.run_id == run_id
        assert one.spec is not None
        assert (one.spec.task_name, one.spec.cache_prefix) == ("a", "u")


async def test_reports_are_taken_once_in_order_and_only_from_the_owner(
    runservice: Runservice,
) -> None:
    async with (
        fake_executor(runservice.channel, name="a") as owner,
        fake_executor(runservice.channel, name="b", slots=1) as other,
    ):
        run_id = await started(runservice, "a")
        task = (await owner.next()).task
        args = (run_id, task.task_id)
        assert await reason_of(other.report(*args, RUNNING, sequence=1)) == (
            "EXECUTOR_TASK_NOT_YOURS"
        )
        await owner.report(*args, RUNNING, sequence=3)
        await owner.report(*args, ExecutorTaskPhase.FAILED, sequence=2)
        backwards = owner.report(*args, ExecutorTaskPhase.NOT_STARTED, sequence=4)
        assert await reason_of(backwards) == "EXECUTOR_TASK_STATUS_INVALID"
        state = await runservice.runs.get_run(run_id)
        assert state.tasks[0].status is TaskStatus.RUNNING
        unknown = owner.report(run_id, TaskID("nobody"), RUNNING, sequence=1)
        assert await reason_of(unknown) == "EXECUTOR_TASK_DOES_NOT_EXIST"


async def test_a_task_with_a_number_of_steps_that_it_has_not_is_refused(
    runservice: Runservice,
) -> None:
    async with fake_executor(runservice.channel) as executor:
        run_id = await started(runservice, "a")
        task = (await executor.next()).task
        status = ExecutorTaskStatus(sequence=1, phase=RUNNING, steps=(StepState(), StepState()))
        report = executor.client.update_executor_task_status(
            executor.executor.id, executor.session, run_id, task.task_id, status=status
        )
        assert await reason_of(report) == "EXECUTOR_TASK_STATUS_INVALID"


async def test_an_executor_that_comes_back_finds_its_tasks(start: Start) -> None:
    async with start() as runservice, fake_executor(runservice.channel) as executor:
        await started(runservice, "a")
        await executor.begin(await executor.next())
        async with fake_executor(runservice.channel) as again:
            held = await again.assigned.get()
            assert held.task.status.phase is RUNNING
            assert held.spec is not None


class SetClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class NoConfigs(StoredRunConfigs):
    """Run configs of an executor that asks for none."""

    def __init__(self) -> None:
        """Need no datamanager."""


class House:
    """Live state and the actions on it, with a clock that the test moves."""

    def __init__(self, live: KeyValueLiveState, clock: SetClock) -> None:
        self.live = live
        self.clock = clock
        self.executors = ExecutorActions(live, NoConfigs(), ids=RandomIds(), clock=clock)
        self.reports = ReportActions(live, clock=clock)
        self.run = Run(
            id=RunID("r"),
            name="run",
            group="/user/u",
            counter=1,
            create_time=clock.now(),
            phase=Phase.RUNNING,
        )

    async def register(self, name: str) -> tuple[ExecutorID, SessionID]:
        executor = Executor(id=ExecutorID(name), name=name, address="unix:e")
        return executor.id, (await self.executors.register(executor)).session

    async def give(self, executor_id: ExecutorID, *phases: ExecutorTaskPhase) -> list[TaskID]:
        """Put a run there whose tasks are in the hands of an executor."""
        config = a_run(*(f"t{index}" for index in range(len(phases))))
        tasks = list(initial_tasks(config).values())
        put: Puts = {}
        for task, phase in zip(tasks, phases, strict=True):
            step = structs.replace(task.steps[0], phase=StepPhase.RUNNING)
            status = ExecutorTaskStatus(sequence=1, phase=phase, steps=(step,))
            put[task_key(self.run.id, task.id)] = task
            put[executor_task_key(task.id)] = ExecutorTask(
                task_id=task.id, run_id=self.run.id, executor_id=executor_id, status=status
            )
        put[run_key(self.run.id)] = self.run
        await self.live.change(lambda: Change(put=put))
        return [task.id for task in tasks]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House, None]:
    clock = SetClock()
    async with AsyncExitStack() as stack:
        keys = await stack.enter_async_context(kv.opening(Config(data_dir=tmp_path), "x"))
        yield House(await stack.enter_async_context(live_state(keys, clock)), clock)


async def test_an_executor_that_gives_signs_of_life_is_kept(house: House) -> None:
    executor_id, session = await house.register("e")
    house.clock.seconds += 10
    assert await house.executors.lose_silent() == pytest.approx(5)
    await house.executors.keep_alive(executor_id, session)
    house.clock.seconds += 10
    assert await house.executors.lose_silent() == pytest.approx(5)
    assert executor_id in house.live.executors()


async def test_silence_counts_from_when_somebody_listens(house: House) -> None:
    executor_id, _ = await house.register("e")
    house.clock.seconds += 3600  # of maintenance, or of building a read database
    again = ExecutorActions(house.live, NoConfigs(), ids=RandomIds(), clock=house.clock)
    assert await again.lose_silent() == pytest.approx(15)
    assert executor_id in house.live.executors()
    house.clock.seconds += 15.1
    await again.lose_silent()
    assert not house.live.executors()


async def test_a_silent_executor_is_lost_and_may_come_back(house: House) -> None:
    executor_id, session = await house.register("e")
    house.clock.seconds += 15.1
    await house.executors.lose_silent()
    assert not house.live.executors()
    with pytest.raises(PreconditionError):
        await house.executors.keep_alive(executor_id, session)
    await house.register("e")
    assert executor_id in house.live.executors()


async def test_what_a_lost_executor_had_begun_fails_and_the_rest_moves(house: House) -> None:
    executor_id, _ = await house.register("e")
    begun, unbegun, ended = await house.give(
        executor_id, RUNNING, ExecutorTaskPhase.NOT_STARTED, ExecutorTaskPhase.SUCCESS
    )
    await house.reports.give_up(executor_id)
    assert len(house.live.assigned(executor_id)) == 3, "it is alive"
    house.clock.seconds += 16
    await house.executors.lose_silent()
    await house.reports.give_up(executor_id)
    tasks = house.live.tasks(house.run.id)
    assert (tasks[begun].status, tasks[begun].failure) == (TaskStatus.FAILED, LOST)
    assert tasks[begun].steps[0].phase is StepPhase.FAILED
    assert tasks[begun].end_time == house.clock.now()
    assert tasks[unbegun].status is TaskStatus.NOT_STARTED
    assert house.live.executor_task(unbegun) is None
    assert house.live.executor_task(ended) is not None


async def test_a_report_and_a_loss_at_once_do_not_both_win(house: House) -> None:
    executor_id, session = await house.register("e")
    (task_id,) = await house.give(executor_id, ExecutorTaskPhase.NOT_STARTED)
    house.clock.seconds += 16
    report = house.reports.update(
        executor_id,
        session,
        house.run.id,
        task_id,
        status=ExecutorTaskStatus(sequence=2, phase=RUNNING),
    )
    losing = house.executors.lose_silent()
    results = await asyncio.gather(report, losing, return_exceptions=True)
    await house.reports.give_up(executor_id)
    status = house.live.tasks(house.run.id)[task_id].status
    if isinstance(results[0], PreconditionError | NotExistError):
        assert (status, house.live.executor_task(task_id)) == (TaskStatus.NOT_STARTED, None)
    else:
        assert status is TaskStatus.FAILED
