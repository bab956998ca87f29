"""The executor's service, through a socket."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import grpc
import pytest

from agola.clients.executor import ExecutorClient
from agola.core.errors import AgolaError, BadRequestError, NotExistError, OutOfRangeError
from agola.model.archive import ArchiveChunk, ArchiveEnd
from agola.model.log import SETUP_LOG, LogChunk, LogEnd, LogEvent, LogPart
from agola.model.run_config import ArchiveContents, RunStep, SaveToWorkspaceStep, TaskID
from agola.services.executor.servicer import ExecutorServicer
from generated.agola.executor.v1 import executor_service_pb2 as pb
from generated.agola.executor.v1.executor_service_pb2_grpc import ExecutorServiceStub
from tests.conftest import Serve
from tests.unit.services.executor.runservice import spec, task
from tests.unit.services.executor.workplace import TASK, Workplace

STEP = LogPart(0)
ID = TaskID(TASK)


@pytest.fixture
async def looks() -> list[None]:
    return []


@pytest.fixture
async def channel(
    workplace: Workplace, serve: Serve, looks: list[None]
) -> AsyncGenerator[grpc.aio.Channel, None]:
    servicer = ExecutorServicer(workplace.reading, look=lambda: looks.append(None), heartbeat=0.05)
    async with serve(servicer.mount()) as dialled:
        yield dialled


@pytest.fixture
def client(channel: grpc.aio.Channel) -> ExecutorClient:
    return ExecutorClient(channel)


def run(command: str) -> RunStep:
    return RunStep(name="run", command=command)


async def read(events: AsyncGenerator[LogEvent | None, None]) -> tuple[bytes, LogEvent | None]:
    """Read a log, and say how it ended."""
    data, last = b"", None
    async with aclosing(events):
        async for event in events:
            if isinstance(event, LogChunk):
                data += event.data
            last = event or last
    return data, last


async def first(events: AsyncGenerator[LogEvent | None, None]) -> LogEvent:
    """Wait for something other than a heartbeat."""
    while (event := await anext(events)) is None:
        pass
    return event


@asynccontextmanager
async def running(workplace: Workplace, script: str) -> AsyncGenerator[None, None]:
    """Have a step run that ends with the block."""
    go = workplace.root / "go"
    wait = f"while ! test -e {go}; do sleep 0.005; done"
    await workplace.tasks.assign(task(TASK), spec(run(f"{script}\n{wait}\necho last"), run("true")))
    yield
    go.touch()
    await workplace.end()


async def test_a_complete_log_is_read_from_any_offset_to_its_end(
    workplace: Workplace, client: ExecutorClient
) -> None:
    await workplace.run(spec(run("echo 0123456789")))
    for follow in (False, True):
        for offset in (0, 5, 11):
            data, end = await read(client.stream_task_log(ID, STEP, offset=offset, follow=follow))
            assert (data, end) == (b"0123456789\n"[offset:], LogEnd(11))
    data, end = await read(client.stream_task_log(ID, SETUP_LOG))
    assert b"driver process" in data
    assert end == LogEnd(len(data))


async def test_a_follower_sees_lines_at_once_and_the_end(
    workplace: Workplace, client: ExecutorClient
) -> None:
    async with running(workplace, "echo begun"):
        log = client.stream_task_log(ID, STEP, follow=True)
        assert await first(log) == LogChunk(0, b"begun\n")
        assert await anext(log) is None  # a heartbeat
    data, end = await read(log)
    assert (data, end) == (b"last\n", LogEnd(11))


async def test_a_log_that_grows_has_no_end_for_who_does_not_follow(
    workplace: Workplace, client: ExecutorClient
) -> None:
    async with running(workplace, "echo begun"):
        log = client.stream_task_log(ID, STEP, follow=True)
        await first(log)
        await log.aclose()
        assert await read(client.stream_task_log(ID, STEP)) == (b"begun\n", LogChunk(0, b"begun\n"))
        assert await read(client.stream_task_log(ID, LogPart(1))) == (b"", None)


async def test_a_follower_of_a_step_that_never_runs_is_told_in_the_end(
    workplace: Workplace, client: ExecutorClient
) -> None:
    log = client.stream_task_log(ID, LogPart(1), follow=True)
    await workplace.tasks.assign(task(TASK), spec(run("sleep 0.1; false"), run("true")))
    with pytest.raises(NotExistError) as caught:
        await read(log)
    assert caught.value.reason == "LOG_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    ("task_id", "part", "offset", "kind", "reason"),
    [
        ("", STEP, 0, BadRequestError, "TASK_ID_REQUIRED"),
        (TASK, STEP, -1, BadRequestError, "OFFSET_INVALID"),
        ("none", STEP, 0, NotExistError, "TASK_DOES_NOT_EXIST"),
        (TASK, LogPart(9), 0, NotExistError, "STEP_DOES_NOT_EXIST"),
        (TASK, LogPart(1), 0, NotExistError, "LOG_DOES_NOT_EXIST"),
        (TASK, STEP, 100, OutOfRangeError, "OFFSET_PAST_END"),
    ],
)
async def test_a_log_that_cannot_be_read_says_why(
    *,
    workplace: Workplace,
    client: ExecutorClient,
    task_id: str,
    part: LogPart,
    offset: int,
    kind: type[AgolaError],
    reason: str,
) -> None:
    await workplace.run(spec(run("false"), run("true")))
    for follow in (False, True):
        log = client.stream_task_log(TaskID(task_id), part, offset=offset, follow=follow)
        with pytest.raises(kind) as caught:
            await read(log)
        assert caught.value.reason == reason


async def test_a_log_must_be_named(channel: grpc.aio.Channel) -> None:
    stub = ExecutorServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in stub.StreamTaskLog(pb.StreamTaskLogRequest(task_id=TASK)):
            pass
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_archive_is_read_to_its_digest(
    workplace: Workplace, client: ExecutorClient
) -> None:
    save = SaveToWorkspaceStep(contents=(ArchiveContents(paths=("**",)),))
    await workplace.run(spec(run("head -c 600000 /dev/zero > zeros"), save))
    events = [event async for event in client.stream_task_archive(ID, 1, offset=512)]
    kept = (workplace.folder() / "archives" / "1.tar").read_bytes()
    assert b"".join(e.data for e in events if isinstance(e, ArchiveChunk)) == kept[512:]
    assert isinstance(events[-1], ArchiveEnd)
    assert events[-1].size == len(kept)
    with pytest.raises(NotExistError):
        _ = [event async for event in client.stream_task_archive(ID, 0)]


async def test_a_hint_makes_the_executor_look(client: ExecutorClient, looks: list[None]) -> None:
    await client.notify_task(ID)
    assert looks == [None]
    with pytest.raises(BadRequestError):
        await client.notify_task(TaskID(""))


async def test_many_followers_of_one_log_all_get_all_of_it(
    workplace: Workplace, client: ExecutorClient
) -> None:
    logs = [client.stream_task_log(ID, STEP, follow=True) for _ in range(10)]
    async with running(workplace, "head -c 3000000 /dev/zero"):
        readers = [asyncio.create_task(read(log)) for log in logs]
    for data, end in await asyncio.gather(*readers):
        assert (len(data), end) == (3000005, LogEnd(3000005))


async def test_a_large_log_is_fast(workplace: Workplace, client: ExecutorClient) -> None:
    await workplace.run(spec(run("head -c 20000000 /dev/zero")))
    begin = time.process_time()
    data, _ = await read(client.stream_task_log(ID, STEP))
    assert len(data) == 20_000_000
    assert time.process_time() - begin < 2  # both sides; a tenth of that on a quiet machine
