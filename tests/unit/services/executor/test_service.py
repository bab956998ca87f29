"""The whole executor as a process of its own, killed and started again."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agola.clients.executor import ExecutorClient
from agola.model.executor import ExecutorID, ExecutorTaskPhase, ExecutorTaskStatus, SessionID
from agola.model.log import LogChunk, LogEnd, LogPart
from agola.model.run import StepPhase
from agola.model.run_config import RunID, RunStep, TaskID
from agola.rpc.auth import InternalToken
from agola.rpc.channel import dial
from agola.rpc.handlers import Context
from agola.rpc.server import Mount, serving
from agola.wire.runservice.assignment import assignment_to_pb
from agola.wire.runservice.executor import executor_from_pb, registration_to_pb
from agola.wire.runservice.executor_task import status_from_pb
from generated.agola.runservice.v1 import executor_task_service_pb2 as pb
from generated.agola.runservice.v1.executor_task_service_pb2_grpc import (
    ExecutorTaskServiceServicer,
    add_ExecutorTaskServiceServicer_to_server,
)
from tests.conftest import TOKEN
from tests.unit.services.executor.runservice import FakeRunservice, spec, task

PROGRAM = """
import asyncio, sys
from pathlib import Path
from agola.config.model import Config, Executor, Internal
from agola.services.executor.service import serving

root = Path(sys.argv[1])
config = Config(
    data_dir=root,
    internal_token=sys.argv[2],
    runservice=Internal(target=f"unix:{root}/runservice.sock"),
    executor=Executor(
        listen=f"unix:{root}/executor.sock",
        target=f"unix:{root}/executor.sock",
        stop_grace_seconds=0.3,
    ),
)

async def main():
    async with serving(config):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


class Servicer(ExecutorTaskServiceServicer):
    """The fake runservice behind a socket."""

    def __init__(self, runservice: FakeRunservice) -> None:
        self._runservice = runservice

    async def RegisterExecutor(
        self, request: pb.RegisterExecutorRequest, context: Context
    ) -> pb.RegisterExecutorResponse:
        executor = executor_from_pb(request.executor)
        return registration_to_pb(await self._runservice.register_executor(executor))

    async def WatchExecutorTasks(
        self, request: pb.WatchExecutorTasksRequest, context: Context
    ) -> AsyncGenerator[pb.WatchExecutorTasksResponse, None]:
        events = self._runservice.watch_executor_tasks(
            ExecutorID(request.executor_id), SessionID(request.session_id)
        )
        async with contextlib.aclosing(events):
            async for event in events:
                yield assignment_to_pb(event)

    async def UpdateExecutorTaskStatus(
        self, request: pb.UpdateExecutorTaskStatusRequest, context: Context
    ) -> pb.UpdateExecutorTaskStatusResponse:
        await self._runservice.update_executor_task_status(
            ExecutorID(request.executor_id),
            SessionID(request.session_id),
            RunID(request.run_id),
            TaskID(request.task_id),
            status=status_from_pb(request.status),
        )
        return pb.UpdateExecutorTaskStatusResponse()


@pytest.fixture
async def runservice(tmp_path: Path) -> AsyncGenerator[FakeRunservice, None]:
    fake = FakeRunservice()
    mount = Mount(
        "agola.runservice.v1.ExecutorTaskService",
        lambda server: add_ExecutorTaskServiceServicer_to_server(Servicer(fake), server),
    )
    async with serving(
        [mount],
        address=f"unix:{tmp_path}/runservice.sock",
        authenticate=InternalToken(TOKEN),
        drain=0,
    ):
        yield fake


@asynccontextmanager
async def executor(root: Path) -> AsyncGenerator[asyncio.subprocess.Process, None]:
    """Run an executor until the block ends, or somebody kills it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(root), TOKEN),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "EXECUTORS_OWN": "secret"},
    )
    try:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        assert process.stdin
        process.stdin.close()
        async with asyncio.timeout(20):
            await process.wait()


async def read(root: Path, step: int) -> bytes:
    """Read a log to its end."""
    async with dial(f"unix:{root}/executor.sock", token=TOKEN) as channel:
        log = ExecutorClient(channel).stream_task_log(TaskID("t"), LogPart(step), follow=True)
        data = b""
        async for event in log:
            if isinstance(event, LogChunk):
                data += event.data
            elif isinstance(event, LogEnd):
                return data
    raise AssertionError("the log has no end")


async def first_line(root: Path) -> str:
    async with dial(f"unix:{root}/executor.sock", token=TOKEN) as channel:
        log = ExecutorClient(channel).stream_task_log(TaskID("t"), LogPart(0), follow=True)
        async with contextlib.aclosing(log):
            async for event in log:
                if isinstance(event, LogChunk):
                    return event.data.decode()
    raise AssertionError("the log is empty")


async def killed(root: Path, runservice: FakeRunservice, script: str) -> str:
    """Kill an executor while a task runs.  Gives the first line that the task wrote."""
    async with executor(root) as process:
        steps = spec(RunStep(name="run", command=script), RunStep(name="two", command="true"))
        await runservice.assign(task("t"), steps)
        await runservice.status("t", ExecutorTaskPhase.RUNNING)
        line = await first_line(root)
        process.kill()
        await process.wait()
    return line


async def failed(runservice: FakeRunservice) -> ExecutorTaskStatus:
    status = await runservice.status("t")
    assert status.phase is ExecutorTaskPhase.FAILED
    assert "restarted while the step was running" in status.failure
    return status


async def test_a_task_runs_in_an_executor_of_its_own(
    tmp_path: Path, runservice: FakeRunservice
) -> None:
    async with executor(tmp_path):
        await runservice.assign(task("t"), spec(RunStep(name="run", command="env")))
        assert (await runservice.status("t")).phase is ExecutorTaskPhase.SUCCESS
        assert b"EXECUTORS_OWN" not in await read(tmp_path, 0)
    assert runservice.executors[0].address == f"unix:{tmp_path}/executor.sock"


async def test_a_task_that_ran_when_the_executor_was_killed_is_reported_failed(
    tmp_path: Path, runservice: FakeRunservice
) -> None:
    pid = await killed(tmp_path, runservice, f"echo $$; echo >> {tmp_path}/count; exec sleep 600")
    async with executor(tmp_path):
        status = await failed(runservice)
        assert not there(f"/proc/{int(pid)}")
        assert [step.phase for step in status.steps] == [StepPhase.FAILED, StepPhase.NOT_STARTED]
        assert (await read(tmp_path, 0)).decode() == pid
    assert (tmp_path / "count").read_text() == "\n"
    assert runservice.executors[0].id == runservice.executors[1].id
    assert not there(str(tmp_path / "executor" / "pods" / "t"))


async def test_processes_die_with_a_killed_executor_whatever_they_do(
    tmp_path: Path, runservice: FakeRunservice
) -> None:
    script = "env -i setsid sh -c 'echo $$; exec sleep 600' & wait"
    pid = int(await killed(tmp_path, runservice, script))
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)  # readable when the process has ended
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        async with asyncio.timeout(10):
            await ended.wait()
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def test_an_end_that_was_not_reported_is_reported_by_the_next_life(
    tmp_path: Path, runservice: FakeRunservice
) -> None:
    async with executor(tmp_path) as process:
        await runservice.assign(task("t"), spec(RunStep(name="run", command="echo done")))
        await runservice.status("t")
        process.kill()
        await process.wait()
    runservice.reported.clear()
    async with executor(tmp_path):
        assert (await runservice.status("t")).phase is ExecutorTaskPhase.SUCCESS
        assert await read(tmp_path, 0) == b"done\n"


def there(path: str) -> bool:
    return Path(path).exists()
