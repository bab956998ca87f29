"""The runservice as it is served, on stores of its own."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import grpc
import pytest

from agola.clients.runservice import (
    ExecutorRegistryClient,
    ExecutorTaskClient,
    RunClient,
    RunEventClient,
)
from agola.config.model import Config, Internal
from agola.model.graph import levels
from agola.model.run_config import Depend, RunConfig, RunID, RunStep, TaskConfig, TaskID
from agola.rpc.channel import dial
from agola.services.runservice.service import serving

TOKEN = "the-token-of-these-tests"


@dataclass
class Runservice:
    """Clients of a runservice that runs."""

    channel: grpc.aio.Channel
    runs: RunClient = field(init=False)
    events: RunEventClient = field(init=False)
    tasks: ExecutorTaskClient = field(init=False)
    registry: ExecutorRegistryClient = field(init=False)

    def __post_init__(self) -> None:
        self.runs = RunClient(self.channel)
        self.events = RunEventClient(self.channel)
        self.tasks = ExecutorTaskClient(self.channel)
        self.registry = ExecutorRegistryClient(self.channel)


Start = Callable[[], AbstractAsyncContextManager[Runservice]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start the runservice: each time on the same data."""

    @asynccontextmanager
    async def started() -> AsyncGenerator[Runservice, None]:
        with TemporaryDirectory(prefix="agola") as runtime:  # short: it is part of a socket's name
            address = f"unix:{runtime}/runservice.sock"
            config = Config(
                data_dir=tmp_path,
                runtime_dir=Path(runtime),
                internal_token=TOKEN,
                runservice=Internal(listen=address, target=address),
            )
            async with serving(config), dial(address, token=TOKEN) as channel:
                yield Runservice(channel)

    return started


@pytest.fixture
async def runservice(start: Start) -> AsyncGenerator[Runservice, None]:
    async with start() as started:
        yield started


def a_run(*edges: str, group: str = "/user/u", name: str = "run") -> RunConfig:
    """Make a run config of tasks like `a`, `b<a`, `c<a,b`, with ids of their own."""
    ids: dict[str, TaskID] = {}
    tasks: dict[TaskID, TaskConfig] = {}
    for edge in edges:
        task_name, _, parents = edge.partition("<")
        ids[task_name] = TaskID(str(uuid4()))
        depends = tuple(Depend(task_id=ids[parent]) for parent in parents.split(",") if parent)
        tasks[ids[task_name]] = TaskConfig(
            id=ids[task_name],
            name=task_name,
            depends=depends,
            steps=(RunStep(name="step", command="true"),),
        )
    assert levels(tasks) is not None
    return RunConfig(id=RunID(""), name=name, group=group, tasks=tasks)
