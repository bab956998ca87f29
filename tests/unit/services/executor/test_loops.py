"""The connection to the runservice, through outages."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from agola.core.background import background
from agola.core.errors import NotExistError
from agola.model.executor import Executor, ExecutorTaskPhase
from agola.model.run_config import RunStep, TaskID
from agola.services.executor.actions import Outbox
from agola.services.executor.loops import RunserviceLoop
from tests.unit.services.executor.runservice import EXECUTOR, FakeRunservice, spec, task
from tests.unit.services.executor.workplace import TASK, Workplace, working


@asynccontextmanager
async def connected(root: Path) -> AsyncGenerator[Workplace, None]:
    """Have an executor that begins nothing before its runservice has accepted that it does."""
    async with working(root, outbox=Outbox()) as workplace:
        executor = Executor(id=EXECUTOR, name="e", address="unix:/e")
        loop = RunserviceLoop(executor, workplace.runservice, workplace.tasks, workplace.outbox)
        async with background(loop.run):
            yield workplace


@pytest.fixture
async def runservice(workplace: Workplace) -> AsyncGenerator[FakeRunservice, None]:
    """A runservice that an executor is connected to."""
    executor = Executor(id=EXECUTOR, name="e", address="unix:/e")
    loop = RunserviceLoop(executor, workplace.runservice, workplace.tasks, workplace.outbox)
    async with background(loop.run):
        yield workplace.runservice


def run(command: str) -> RunStep:
    return RunStep(name="run", command=command)


async def test_a_task_that_is_assigned_runs_and_is_reported(runservice: FakeRunservice) -> None:
    await runservice.assign(task(TASK), spec(run("true")))
    assert (await runservice.status(TASK)).phase is ExecutorTaskPhase.SUCCESS
    sequences = [status.sequence for status in runservice.reported[TaskID(TASK)]]
    assert sequences == sorted(set(sequences))


async def test_it_registers_as_soon_as_the_runservice_is_there(workplace: Workplace) -> None:
    workplace.runservice.outage = True
    executor = Executor(id=EXECUTOR, name="e", address="unix:/e")
    loop = RunserviceLoop(executor, workplace.runservice, workplace.tasks, workplace.outbox)
    async with background(loop.run):
        await workplace.runservice.refused.wait()
        workplace.runservice.outage = False
        loop.look()
        await workplace.runservice.registrations(1)


async def test_a_stale_session_is_followed_by_a_new_one(runservice: FakeRunservice) -> None:
    await runservice.registrations(1)
    runservice.forget()
    await runservice.registrations(2)
    await runservice.assign(task(TASK), spec(run("true")))
    assert (await runservice.status(TASK)).phase is ExecutorTaskPhase.SUCCESS


async def test_the_end_of_a_task_arrives_after_an_outage(
    workplace: Workplace, runservice: FakeRunservice
) -> None:
    go = workplace.root / "go"
    await runservice.assign(
        task(TASK), spec(run(f"while ! test -e {go}; do sleep 0.01; done; echo done"))
    )
    await runservice.status(TASK, ExecutorTaskPhase.RUNNING)
    runservice.outage = True
    runservice.cut()
    go.touch()
    assert await workplace.log(0) == "done\n"
    runservice.outage = False
    assert (await runservice.status(TASK)).phase is ExecutorTaskPhase.SUCCESS


async def test_a_task_that_the_runservice_does_not_name_any_more_is_forgotten(
    workplace: Workplace, runservice: FakeRunservice
) -> None:
    await runservice.assign(task(TASK), spec(run("true")))
    await runservice.status(TASK)
    del runservice.assigned[TaskID(TASK)]
    runservice.cut()
    await runservice.assign(task("task-2"), spec(run("true")))
    await runservice.status("task-2")
    assert workplace.tasks.find(TaskID(TASK)) is None


async def test_a_task_is_stopped_when_the_runservice_says_so(runservice: FakeRunservice) -> None:
    steps = spec(run("sleep 600"))
    await runservice.assign(task(TASK), steps)
    await runservice.status(TASK, ExecutorTaskPhase.RUNNING)
    await runservice.assign(task(TASK, stop=True), steps)
    assert (await runservice.status(TASK)).phase in {
        ExecutorTaskPhase.STOPPED,
        ExecutorTaskPhase.CANCELLED,
    }


async def test_it_says_that_it_is_alive(workplace: Workplace) -> None:
    workplace.runservice.keep_alive = timedelta(seconds=0.01)
    executor = Executor(id=EXECUTOR, name="e", address="unix:/e")
    loop = RunserviceLoop(executor, workplace.runservice, workplace.tasks, workplace.outbox)
    async with background(loop.run):
        await workplace.runservice.assign(task(TASK), spec(run("sleep 0.2")))
        await workplace.runservice.status(TASK)
    assert workplace.runservice.keep_alives > 1


async def test_no_step_begins_before_the_runservice_knows_of_it(tmp_path: Path) -> None:
    async with connected(tmp_path) as workplace:
        runservice, ran = workplace.runservice, tmp_path / "ran"
        await runservice.registrations(1)
        runservice.deaf = True
        await runservice.assign(task(TASK), spec(run(f"touch {ran}")))
        await runservice.refused.wait()
        assert "working directory" in await workplace.log()
        assert not ran.exists()
        runservice.deaf = False
        assert (await runservice.status(TASK)).phase is ExecutorTaskPhase.SUCCESS
        assert ran.exists()


async def test_a_task_that_went_to_somebody_else_does_not_run(tmp_path: Path) -> None:
    async with connected(tmp_path) as workplace:
        runservice, ran = workplace.runservice, tmp_path / "ran"
        await runservice.registrations(1)
        runservice.deaf = True
        await runservice.assign(task(TASK), spec(run(f"touch {ran}")))
        await runservice.refused.wait()
        del runservice.assigned[TaskID(TASK)]
        runservice.deaf = False
        with pytest.raises(NotExistError):
            await workplace.log(0)
        assert not ran.exists()
