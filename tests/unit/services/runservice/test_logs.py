"""Logs on their way from the executor to a reader, through real sockets."""

import asyncio
import hashlib
import logging
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from agola.clients.runservice.log import LogClient
from agola.core.errors import (
    AgolaError,
    BadRequestError,
    InternalError,
    NotExistError,
    OutOfRangeError,
    UnavailableError,
)
from agola.model.executor import ExecutorID
from agola.model.log import MAX_CHUNK_BYTES, SETUP_LOG, LogChunk, LogEnd, LogEvent, LogPart
from agola.model.run import StepPhase, StepState, TaskStatus
from agola.model.run_config import RunID, TaskID
from agola.model.run_ref import TaskRef
from agola.services.runservice.actions.fetch import LOST_NOTE
from agola.storage.objects.port import ObjectInfo, ObjectStorage
from agola.storage.objects.posix import opening_posix
from tests.testbed.faulty_objects import FaultyObjects, outage
from tests.testbed.log_hops import RUN, TASK, TOKEN, Hops, log_hops
from tests.unit.services.runservice.conftest import Runservice, a_run

STEP = LogPart(0)
WAITING = StepState(name="build", kind="run")
DONE = StepState(name="build", kind="run", phase=StepPhase.SUCCESS)


@pytest.fixture
async def hops(tmp_path: Path) -> AsyncGenerator[Hops, None]:
    async with log_hops(tmp_path) as opened:
        yield opened


def at_runservice(
    hops: Hops, part: LogPart = STEP, *, offset: int = 0, follow: bool = False
) -> AsyncGenerator[LogEvent | None, None]:
    return hops.runservice.stream_task_log(RUN, TASK, part, offset=offset, follow=follow)


def at_gateway(
    hops: Hops, part: LogPart = STEP, *, offset: int = 0, follow: bool = False
) -> AsyncGenerator[LogEvent | None, None]:
    return hops.gateway.stream_task_log(
        RUN, TaskRef(name="build"), part, offset=offset, follow=follow
    )


async def collect(events: AsyncGenerator[LogEvent | None, None], start: int = 0) -> bytes:
    """Read to the end; every chunk must be where the last one ended."""
    data = bytearray()
    async with aclosing(events):
        async for event in events:
            if isinstance(event, LogEnd):
                assert event.size == start + len(data)
                return bytes(data)
            if isinstance(event, LogChunk):
                assert event.offset == start + len(data)
                assert len(event.data) <= MAX_CHUNK_BYTES
                data += event.data
    raise AssertionError("no end")


async def stored(hops: Hops, path: str) -> bytes:
    return b"".join([piece async for piece in hops.objects.read(path)])


async def test_a_log_arrives_byte_for_byte_over_two_hops_while_another_reader_resumes_it(
    hops: Hops,
) -> None:
    data = random.Random(1).randbytes(24 * 1024**2)
    middle = len(data) // 2 + 17
    await hops.put()
    log = hops.executor.log(TASK, STEP)
    async with asyncio.TaskGroup() as group:
        whole = group.create_task(collect(at_gateway(hops, follow=True)))
        for start in range(0, len(data), 100_000):
            await log.write(data[start : start + 100_000])
        half = group.create_task(collect(at_gateway(hops, offset=middle, follow=True), middle))
        await log.end()
    assert hashlib.sha256(whole.result()).digest() == hashlib.sha256(data).digest()
    assert half.result() == data[middle:]


async def test_all_followers_together_cost_one_stream_on_each_hop(hops: Hops) -> None:
    await hops.put()
    log = hops.executor.log(TASK, STEP, b"begin ")
    readers = [read(hops, follow=True) for read in [at_gateway] * 10 + [at_runservice] * 10]
    begins = await asyncio.gather(*(anext(reader) for reader in readers))
    assert begins == [LogChunk(0, b"begin ")] * 20
    await log.write(b"end")
    await log.end()
    ends = await asyncio.gather(*(collect(reader, 6) for reader in readers))
    assert ends == [b"end"] * 20
    assert log.opened == [0]


async def test_a_stream_at_the_executor_ends_with_its_last_follower(hops: Hops) -> None:
    await hops.put()
    log = hops.executor.log(TASK, STEP, b"x")
    async with aclosing(at_gateway(hops, follow=True)) as events:
        assert await anext(events) == LogChunk(0, b"x")
        assert log.open == 1
    await log.until_open(0)


async def test_without_follow_a_growing_log_ends_at_its_present_size(hops: Hops) -> None:
    await hops.put()
    hops.executor.log(TASK, STEP, b"so far")
    assert await collect(at_gateway(hops)) == b"so far"
    assert await collect(at_gateway(hops, offset=6), 6) == b""


async def test_a_follower_waits_for_a_task_that_nobody_has_yet(hops: Hops) -> None:
    await hops.put(TaskStatus.NOT_STARTED, WAITING, executor_id=None)
    assert await collect(at_gateway(hops)) == b""
    log = hops.executor.log(TASK, STEP, b"at last")
    log.ended = True
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(collect(at_gateway(hops, follow=True)))
        await hops.put(TaskStatus.NOT_STARTED, WAITING)
        await hops.put(TaskStatus.RUNNING)
    assert reader.result() == b"at last"


async def test_the_setup_has_a_log_of_its_own(hops: Hops) -> None:
    await hops.put()
    hops.executor.log(TASK, SETUP_LOG, b"pulling").ended = True
    assert await collect(at_gateway(hops, SETUP_LOG, follow=True)) == b"pulling"


async def test_logs_of_an_ended_task_are_stored_and_read_from_there(hops: Hops) -> None:
    await hops.put()
    for part, data in ((SETUP_LOG, b"setup"), (STEP, b"step")):
        hops.executor.log(TASK, part, data).ended = True
    await hops.put(TaskStatus.SUCCESS, DONE, WAITING)
    assert await hops.places.until_stored(TASK) == {SETUP_LOG: 5, STEP: 4}
    hops.executor.logs.clear()
    assert await stored(hops, f"logs/{TASK}/data/setup.log") == b"setup"
    assert await stored(hops, f"logs/{TASK}/data/steps/0.log") == b"step"
    assert await stored(hops, f"logs/{TASK}/runs/{RUN}") == b""
    assert await collect(at_gateway(hops)) == b"step"
    assert await collect(at_gateway(hops, follow=True, offset=2), 2) == b"ep"
    assert await collect(at_gateway(hops, SETUP_LOG)) == b"setup"


async def test_a_follower_goes_from_the_executor_to_storage_without_loss_or_repeat(
    hops: Hops,
) -> None:
    await hops.put()
    log = hops.executor.log(TASK, STEP, b"live, ")
    async with aclosing(at_runservice(hops, follow=True)) as events:
        assert await anext(events) == LogChunk(0, b"live, ")
        await hops.objects.write(f"logs/{TASK}/data/steps/0.log", b"live, then stored")
        del hops.executor.logs[TASK, STEP]
        await hops.put(TaskStatus.SUCCESS, DONE, executor_id=None)
        await log.fail(NotExistError("forgotten", reason="TASK_DOES_NOT_EXIST"))
        assert await anext(events) == LogChunk(6, b"then stored")
        assert await anext(events) == LogEnd(17)
    await hops.places.until_stored(TASK)


async def test_a_break_on_the_way_is_bridged(hops: Hops) -> None:
    await hops.put()
    log = hops.executor.log(TASK, STEP, b"one ")
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(collect(at_gateway(hops, follow=True)))
        await log.until_open(1)
        await log.fail(UnavailableError("restarting", reason="SERVER_SHUTTING_DOWN"))
        await log.until_opened(2)
        await log.write(b"two")
        await log.end()
    assert reader.result() == b"one two"


async def test_an_executor_that_comes_back_elsewhere_is_found(hops: Hops) -> None:
    log = hops.executor.log(TASK, STEP, b"one ")
    async with asyncio.TaskGroup() as group:
        async with hops.executor.serving(TOKEN) as address:
            await hops.put(address=address)
            reader = group.create_task(collect(at_gateway(hops, follow=True)))
            await log.until_open(1)
        await log.until_open(0)
        await hops.put()
        await log.write(b"two")
        await log.end()
    assert reader.result() == b"one two"


async def test_what_a_lost_executor_had_does_not_exist(hops: Hops) -> None:
    async with hops.executor.serving(TOKEN) as address:
        await hops.put(address=address)
        hops.executor.log(TASK, STEP, b"one ")
    await hops.put(TaskStatus.FAILED, DONE, executor_id=None)
    for follow in (True, False):
        with pytest.raises(NotExistError) as caught:
            await collect(at_gateway(hops, follow=follow))
        assert caught.value.reason == "LOG_DOES_NOT_EXIST"
    assert await hops.places.until_stored(TASK) == {}


async def test_what_a_lost_executor_sent_lately_is_kept_and_the_rest_marked(hops: Hops) -> None:
    log = hops.executor.log(TASK, STEP, b"one ")
    async with hops.executor.serving(TOKEN) as address:
        await hops.put(address=address)
        events = at_gateway(hops, follow=True)
        assert await anext(events) == LogChunk(0, b"one ")
    await log.until_open(0)
    await hops.put(TaskStatus.FAILED, DONE, executor_id=None)
    assert await collect(events, 4) == LOST_NOTE
    await hops.places.until_stored(TASK)
    assert await collect(at_gateway(hops)) == b"one " + LOST_NOTE


async def test_a_late_store_replaces_no_log_that_another_instance_has_stored(hops: Hops) -> None:
    path = f"logs/{TASK}/data/steps/0.log"
    await hops.put()
    log = hops.executor.log(TASK, STEP, b"begin, ")
    await hops.put(TaskStatus.SUCCESS, DONE)
    await log.until_open(1)
    await hops.objects.write(path, b"begin, then the end")
    del hops.executor.logs[TASK, STEP]
    await hops.put(TaskStatus.SUCCESS, DONE, executor_id=None)
    await log.fail(UnavailableError("a break", reason="STREAM_CUT"))
    assert await hops.places.until_stored(TASK) == {STEP: 19}
    assert await stored(hops, path) == b"begin, then the end"


async def test_one_stuck_executor_holds_up_nobody_else(hops: Hops) -> None:
    other = TaskID("task-2")
    for number in range(20):  # more than it has turns
        hops.executor.log(TaskID(f"stuck-{number}"), SETUP_LOG, b"never ends")
        await hops.put(TaskStatus.FAILED, WAITING, task_id=TaskID(f"stuck-{number}"))
    hops.executor.log(other, SETUP_LOG, b"done").ended = True
    executor_id = ExecutorID("executor-2")
    await hops.put(TaskStatus.FAILED, WAITING, task_id=other, executor_id=executor_id)
    assert await hops.places.until_stored(other) == {SETUP_LOG: 4}


async def test_a_log_that_the_executor_cannot_give_at_first_is_stored_later(hops: Hops) -> None:
    log = hops.executor.log(TASK, SETUP_LOG, b"data")
    await hops.put(TaskStatus.FAILED, WAITING)
    await log.until_open(1)
    await log.fail(InternalError("disk", reason="LOG_READ_FAILED"))
    await log.until_opened(2)
    await log.end()
    assert await hops.places.until_stored(TASK) == {SETUP_LOG: 4}


async def test_an_outage_of_the_storage_is_told_once_for_all_that_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tasks = (TASK, TaskID("task-2"))
    async with opening_posix(tmp_path / "objects") as posix:
        objects = FaultyObjects(posix)
        places = [f"logs/{task_id}/{kind}/" for task_id in tasks for kind in ("data", "runs")]
        away = [objects.fail("stat", "write", path=path, times=4) for path in places]
        async with log_hops(tmp_path, objects=objects) as hops:
            for task_id in tasks:
                await hops.executor.log(task_id, SETUP_LOG, b"data").end()
                await hops.put(TaskStatus.FAILED, WAITING, task_id=task_id)
            for task_id in tasks:
                assert await hops.places.until_stored(task_id) == {SETUP_LOG: 4}
    assert [trouble.times for trouble in away] == [0] * 4
    told = [each.getMessage() for each in caplog.records if each.name.endswith(".actions.fetch")]
    assert len(told) == 2
    assert told[0].endswith(f" has to wait, and others may: {outage().message}")
    assert told[1].startswith("stored, or given up, after some waiting: ")
    assert told[1].endswith(" and 1 more")


Case: TypeAlias = tuple[RunID, TaskID, LogPart, int, type[AgolaError], str]
ERRORS: list[Case] = [
    (RunID("nope"), TASK, STEP, 0, NotExistError, "RUN_DOES_NOT_EXIST"),
    (RUN, TaskID("nope"), STEP, 0, NotExistError, "TASK_DOES_NOT_EXIST"),
    (RUN, TASK, LogPart(7), 0, NotExistError, "STEP_DOES_NOT_EXIST"),
    (RUN, TASK, SETUP_LOG, 0, NotExistError, "LOG_DOES_NOT_EXIST"),
    (RUN, TASK, STEP, 100, OutOfRangeError, "OFFSET_PAST_END"),
    (RUN, TASK, STEP, -1, BadRequestError, "OFFSET_INVALID"),
]


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case[-1])
async def test_errors_keep_class_reason_and_metadata_through_all_hops(
    hops: Hops, case: Case, *, follow: bool
) -> None:
    run_id, task_id, part, offset, error, reason = case
    await hops.objects.write(f"logs/{TASK}/data/steps/0.log", b"step")
    await hops.put(TaskStatus.SUCCESS, DONE, executor_id=None)
    await hops.places.until_stored(TASK)
    for events in (
        hops.runservice.stream_task_log(run_id, task_id, part, offset=offset, follow=follow),
        hops.gateway.stream_task_log(
            run_id, TaskRef(id=task_id), part, offset=offset, follow=follow
        ),
    ):
        with pytest.raises(error) as caught:
            await collect(events)
        assert caught.value.reason == reason
        assert caught.value.metadata


async def test_what_must_be_said_is_asked_for(hops: Hops) -> None:
    for run_id, task_id, reason in (
        (RunID(""), TASK, "RUN_ID_REQUIRED"),
        (RUN, TaskID(""), "TASK_ID_REQUIRED"),
    ):
        with pytest.raises(BadRequestError) as caught:
            await collect(hops.runservice.stream_task_log(run_id, task_id, STEP))
        assert caught.value.reason == reason


async def test_the_log_of_a_hidden_run_does_not_exist(hops: Hops) -> None:
    await hops.put()
    hops.executor.log(TASK, STEP, b"secret")
    with pytest.raises(NotExistError) as caught:
        await collect(hops.stranger.stream_task_log(RUN, TaskRef(id=TASK), STEP))
    assert caught.value.reason == "RUN_DOES_NOT_EXIST"


class FailingObjects:
    """Object storage that is away."""

    def __init__(self, objects: ObjectStorage) -> None:
        self._objects = objects

    async def stat(self, path: str) -> ObjectInfo:
        raise UnavailableError("no answer", reason="OBJECT_STORAGE_UNAVAILABLE")

    def __getattr__(self, name: str) -> object:
        return getattr(self._objects, name)


@asynccontextmanager
async def failing(tmp_path: Path) -> AsyncGenerator[Hops, None]:
    async with log_hops(tmp_path) as good:
        objects: ObjectStorage = FailingObjects(good.objects)  # type: ignore[assignment]
        async with log_hops(tmp_path, objects=objects) as hops:
            yield hops


async def test_a_storage_failure_is_internal_through_all_hops(tmp_path: Path) -> None:
    async with failing(tmp_path) as hops:
        await hops.put(TaskStatus.SUCCESS, WAITING, executor_id=None)
        for events in (at_runservice(hops), at_gateway(hops, follow=True)):
            with pytest.raises(InternalError) as caught:
                await collect(events)
            assert caught.value.reason == "OBJECT_STORAGE_FAILED"


@pytest.mark.parametrize("follow", [False, True])
async def test_the_log_of_a_task_that_never_ran_has_an_end(
    runservice: Runservice,
    follow: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """Its run was cancelled, and is in the archive by now or soon."""
    made = await runservice.runs.create_run(a_run("a"))
    await runservice.runs.cancel_run(made.run.id)
    log = LogClient(runservice.channel).stream_task_log(
        made.run.id, made.tasks[0].id, STEP, offset=0, follow=follow
    )
    async with asyncio.timeout(10):
        if follow:
            with pytest.raises(NotExistError, match="log doesn't exist"):
                await collect(log)
        else:
            assert await collect(log) == b""
