"""The runservice is killed in the middle of everything, again and again."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agola.clients.runservice import RunClient
from agola.core.errors import PreconditionError, UnavailableError
from agola.model.assignment import AssignedTask
from agola.model.executor import ExecutorTaskPhase
from agola.model.run import Phase, Result, Run
from agola.model.run_config import RunConfig, TaskID
from agola.model.run_event import RunEnded
from agola.rpc.channel import dial
from tests.fakes.task_executor import FakeTaskExecutor
from tests.testbed import runservice_process
from tests.unit.services.runservice.conftest import a_run

KILLS_AFTER = {1, 3, 4, 8, 13}
"""After how many begun tasks the runservice is killed."""
RETRY_SECONDS = 0.02


class StubbornExecutor:
    """Carries out tasks whatever becomes of the runservice, which it kills now and then."""

    def __init__(self, executor: FakeTaskExecutor, server: "Killable") -> None:
        self._executor = executor
        self._server = server
        self.done: Counter[TaskID] = Counter()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            while True:
                one = await self._executor.assigned.get()
                await self._carry_out(one)

    async def _listen(self) -> None:
        while True:
            with suppress(UnavailableError, PreconditionError):
                await self._executor.register()
                await self._executor.watch()
            await asyncio.sleep(RETRY_SECONDS)

    async def _carry_out(self, one: AssignedTask) -> None:
        if one.task.status.phase.ended or one.task.task_id in self.done:
            return
        if one.task.status.phase is ExecutorTaskPhase.NOT_STARTED:
            await self._report(one, ExecutorTaskPhase.RUNNING, 1)
        self.done[one.task.task_id] += 1
        if self.done.total() in KILLS_AFTER:
            await self._server.kill()
        await self._report(one, ExecutorTaskPhase.SUCCESS, 2)

    async def _report(self, one: AssignedTask, phase: ExecutorTaskPhase, sequence: int) -> None:
        while True:
            try:
                await self._executor.report(
                    one.task.run_id, one.task.task_id, phase, sequence=sequence
                )
            except (UnavailableError, PreconditionError):
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return


class Killable:
    """A runservice process that is started again as often as it is killed."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", runservice_process.__name__, *self._arguments
        )

    async def kill(self) -> None:
        await self.end()
        await self.start()

    async def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def killable(data: Path, runtime: Path) -> AsyncGenerator[Killable, None]:
    server = Killable(str(data), str(runtime))
    await server.start()
    try:
        yield server
    finally:
        await server.end()


async def created(runs: RunClient, config: RunConfig, request_id: str) -> Run:
    while True:
        try:
            return (await runs.create_run(config, request_id=request_id)).run
        except UnavailableError:
            await asyncio.sleep(RETRY_SECONDS)


async def ended(runs: RunClient, run: Run) -> Run:
    while True:
        with suppress(UnavailableError):
            async with aclosing(runs.watch_run(run.id)) as progress:
                async for one in progress:
                    if isinstance(one, RunEnded):
                        return (await runs.get_run(run.id)).run
        await asyncio.sleep(RETRY_SECONDS)


@pytest.mark.timeout(110)
async def test_a_killed_runservice_loses_no_run_and_repeats_no_task(tmp_path: Path) -> None:
    with TemporaryDirectory(prefix="agola") as folder:
        runtime = Path(folder)
        target = runservice_process.config_in(tmp_path, runtime).runservice.target
        async with (
            killable(tmp_path, runtime) as server,
            dial(target, token=runservice_process.TOKEN) as channel,
        ):
            runs = RunClient(channel)
            executor = StubbornExecutor(FakeTaskExecutor(channel, "stubborn", 3), server)
            working = asyncio.create_task(executor.run())
            configs = [a_run("a", "b<a", group=f"/project/p/branch/{n % 3}") for n in range(8)]
            accepted = await asyncio.gather(
                *(created(runs, config, f"request-{n}") for n, config in enumerate(configs))
            )
            results = await asyncio.gather(*(ended(runs, run) for run in accepted))
            working.cancel()
    assert {run.phase for run in results} == {Phase.FINISHED}
    assert {run.result for run in results} == {Result.SUCCESS}
    assert len({run.counter for run in results}) == 8
    tasks = {task_id for config in configs for task_id in config.tasks}
    assert executor.done == Counter(tasks)
