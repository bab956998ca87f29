"""The scheduler beside a real runservice."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from msgspec import structs

from agola.clients.runservice import RunClient, RunEventClient
from agola.config.model import Config, Internal
from agola.model.run import Phase
from agola.model.run_config import RunID
from agola.model.run_event import RunChanged
from agola.rpc.channel import dial
from agola.services.runservice import service as runservice
from agola.services.scheduler import service as scheduler
from tests.fakes.task_executor import fake_executor
from tests.unit.services.runservice.conftest import TOKEN, a_run


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    with TemporaryDirectory(prefix="agola") as runtime:
        yield Config(
            data_dir=tmp_path,
            runtime_dir=Path(runtime),
            internal_token=TOKEN,
            runservice=_at(runtime, "runservice"),
            scheduler=_at(runtime, "scheduler"),
        )


def _at(runtime: str, name: str) -> Internal:
    address = f"unix:{runtime}/{name}.sock"
    return Internal(listen=address, target=address)


@asynccontextmanager
async def dialled(config: Config) -> AsyncGenerator[grpc.aio.Channel, None]:
    async with dial(config.runservice.target, token=TOKEN) as channel:
        await channel.channel_ready()
        yield channel


async def finished(channel: grpc.aio.Channel, count: int) -> list[tuple[RunID, Phase]]:
    """Listen until so many runs have finished.  Gives every change of a phase before that."""
    told: list[tuple[RunID, Phase]] = []
    async with (
        asyncio.timeout(30),
        aclosing(RunEventClient(channel).watch_run_events(after_revision=1)) as events,
    ):
        async for event in events:
            if isinstance(event, RunChanged) and (event.run.id, event.run.phase) not in told:
                told.append((event.run.id, event.run.phase))
            if sum(phase is Phase.FINISHED for _, phase in told) == count:
                return told
    raise AssertionError(told)


async def test_runs_of_a_group_run_one_after_the_other(config: Config) -> None:
    async with (
        runservice.serving(config),
        scheduler.serving(config),
        dialled(config) as channel,
        fake_executor(channel, works=True),
    ):
        runs = RunClient(channel)
        created = [(await runs.create_run(a_run("a"))).run.id for _ in range(4)]
        told = await finished(channel, 4)
    order = [(run_id, phase) for run_id, phase in told if phase is not Phase.QUEUED]
    expected = [(run_id, phase) for run_id in created for phase in (Phase.RUNNING, Phase.FINISHED)]
    assert order == expected


async def test_twenty_runs_at_once_with_two_schedulers_all_succeed(config: Config) -> None:
    async with (
        runservice.serving(config),
        scheduler.serving(config),
        scheduler.serving(structs.replace(config, scheduler=Internal())),
        dialled(config) as channel,
        fake_executor(channel, works=True, slots=3) as executor,
    ):
        runs = RunClient(channel)
        groups = [f"/project/p/branch/{number % 7}" for number in range(20)]
        await asyncio.gather(*(runs.create_run(a_run("a", "b<a", group=group)) for group in groups))
        await finished(channel, 20)
        assert len(executor.begun) == len(set(executor.begun)) == 40


async def test_a_scheduler_waits_for_a_runservice_that_comes_later(config: Config) -> None:
    async with scheduler.serving(config):
        for _ in range(2):
            async with (
                runservice.serving(config),
                dialled(config) as channel,
                fake_executor(channel, works=True),
            ):
                runs = RunClient(channel)
                created = (await runs.create_run(a_run("a"))).run.id
                async with asyncio.timeout(30), aclosing(runs.watch_run(created)) as progress:
                    async for _ in progress:
                        pass
                assert (await runs.get_run(created)).run.phase is Phase.FINISHED


async def test_a_scheduler_says_that_it_is_well(config: Config) -> None:
    async with (
        scheduler.serving(config),
        grpc.aio.insecure_channel(config.scheduler.target) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest())  # type: ignore[attr-defined]
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
