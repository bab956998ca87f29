"""The executor, put together."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from agola import __version__
from agola.clients.runservice import ArchiveClient, ExecutorTaskClient
from agola.config.model import Config
from agola.core.background import background
from agola.core.clock import SystemClock
from agola.core.ids import RandomIds
from agola.model.archive import ArchiveEvent
from agola.model.executor import Executor, ExecutorID
from agola.model.run_config import RunID, TaskID
from agola.rpc import channel, server
from agola.rpc.auth import InternalToken
from agola.rpc.resume import DELAYS_SECONDS, resuming
from agola.services.executor.actions import Equipment, Outbox, ReadingActions, TaskActions
from agola.services.executor.drivers.process import ProcessDriver
from agola.services.executor.loops import RunserviceLoop
from agola.services.executor.servicer import ExecutorServicer
from agola.services.executor.store import DiskArchives, DiskLogs, DiskTasks, load_executor_id

PATIENCE_SECONDS = (*DELAYS_SECONDS, *(5.0,) * 60)
"""The delays between attempts to get a workspace archive: five minutes in all."""


@asynccontextmanager
async def serving(config: Config) -> AsyncGenerator[None, None]:
    """Run tasks while the block runs.  The runservice may come and go."""
    root, token = config.data_dir / "executor", config.internal_token
    executor_id = load_executor_id(root, RandomIds())
    async with AsyncExitStack() as stack:
        runservice = await stack.enter_async_context(
            channel.dial(config.runservice.target, token=token)
        )
        driver = ProcessDriver(
            root / "pods",
            executor_id=executor_id,
            grace=timedelta(seconds=config.executor.stop_grace_seconds),
        )
        stack.push_async_callback(driver.close)
        await driver.start()
        equipment = Equipment(
            driver=driver,
            logs=DiskLogs(root / "tasks"),
            archives=DiskArchives(root / "tasks"),
            workspace=BridgedArchives(ArchiveClient(runservice)),
            clock=SystemClock(),
        )

        outbox = Outbox()
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks = TaskActions(
            equipment,
            DiskTasks(root / "tasks"),
            outbox,
            slots=config.executor.slots,
            group=group,
        )
        stack.callback(tasks.abandon)
        await tasks.recover()
        reading = ReadingActions(tasks.find, equipment.logs, equipment.archives)

        executor = _registration(config, executor_id, driver)
        loop = RunserviceLoop(executor, ExecutorTaskClient(runservice), tasks, outbox)
        await stack.enter_async_context(
            server.serving(
                [ExecutorServicer(reading, look=loop.look).mount()],
                address=config.executor.listen,
                authenticate=InternalToken(token),
            )
        )
        await stack.enter_async_context(background(loop.run))
        yield


class BridgedArchives:
    """Workspace archives that arrive through breaks of the connection.

    No task fails because the runservice is in maintenance mode, however long that takes, or because
    it takes some minutes to start.
    """

    def __init__(self, client: ArchiveClient) -> None:
        self._client = client

    def stream_workspace_archive(
        self,
        executor_id: ExecutorID,
        run_id: RunID,
        task_id: TaskID,
        *,
        step: int,
        offset: int = 0,
    ) -> AsyncGenerator[ArchiveEvent, None]:
        def open_at(position: int) -> AsyncGenerator[ArchiveEvent, None]:
            return self._client.stream_workspace_archive(
                executor_id, run_id, task_id, step=step, offset=position
            )

        return resuming(open_at, offset, delays=PATIENCE_SECONDS, endured={"MAINTENANCE"})


def _registration(config: Config, executor_id: ExecutorID, driver: ProcessDriver) -> Executor:
    return Executor(
        id=executor_id,
        name=config.executor.name or socket.gethostname(),
        address=config.executor.target,
        archs=driver.archs,
        labels=config.executor.labels,
        slots=config.executor.slots,
        driver=driver.name,
        version=__version__,
    )
