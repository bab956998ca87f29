"""Workspace archives: stored from an executor, given to the executors of the same run."""

import hashlib
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from agola.core.errors import (
    InternalError,
    NotExistError,
    OutOfRangeError,
    PreconditionError,
    UnavailableError,
)
from agola.model.archive import ArchiveChunk, ArchiveEnd, ArchiveEvent
from agola.model.executor import ExecutorID
from agola.model.log import SETUP_LOG
from agola.model.run import StepPhase, StepState, TaskStatus
from agola.model.run_config import RunID, TaskID
from agola.services.runservice.store.stored_archives import ObjectArchives
from agola.storage.objects.posix import opening_posix
from tests.testbed.log_hops import EXECUTOR, RUN, TASK, Hops, log_hops

CHILD = TaskID("child")
SAVED = StepState(name="save", kind="save_to_workspace", phase=StepPhase.SUCCESS)
UNSAVED = StepState(name="save", kind="save_to_workspace", phase=StepPhase.FAILED)
DATA = random.Random(1).randbytes(700_000)
END = ArchiveEnd(len(DATA), hashlib.sha256(DATA).digest())


@pytest.fixture
async def hops(tmp_path: Path) -> AsyncGenerator[Hops, None]:
    """A run with a task that saved an archive, all stored, and a child that an executor has."""
    async with log_hops(tmp_path) as opened:
        opened.executor.log(TASK, SETUP_LOG).ended = True
        opened.executor.archives[TASK, 0] = DATA
        await opened.put(task_id=CHILD)
        await opened.put(TaskStatus.FAILED, SAVED, UNSAVED)
        await opened.places.until_stored(TASK)
        opened.executor.archives.clear()
        yield opened


async def read(
    hops: Hops,
    *,
    executor_id: ExecutorID = EXECUTOR,
    run_id: RunID = RUN,
    task_id: TaskID = TASK,
    step: int = 0,
    offset: int = 0,
) -> tuple[bytes, ArchiveEnd]:
    data = b""
    events = hops.archives.stream_workspace_archive(
        executor_id, run_id, task_id, step=step, offset=offset
    )
    async with aclosing(events):
        async for event in events:
            if isinstance(event, ArchiveEnd):
                return data, event
            assert event.offset == offset + len(data)
            data += event.data
    raise AssertionError("no end")


async def test_an_archive_is_stored_with_its_task_and_given_to_its_run(hops: Hops) -> None:
    assert await read(hops) == (DATA, END)
    paths = [info.path async for info in hops.objects.list("workspacearchives/")]
    assert paths == [
        f"workspacearchives/{TASK}/data/0.tar",
        f"workspacearchives/{TASK}/data/0.tar.sha256",
        f"workspacearchives/{TASK}/runs/{RUN}",
    ]


async def test_an_archive_is_resumed_from_its_middle(hops: Hops) -> None:
    assert await read(hops, offset=300_001) == (DATA[300_001:], END)
    assert await read(hops, offset=len(DATA)) == (b"", END)
    with pytest.raises(OutOfRangeError) as caught:
        await read(hops, offset=len(DATA) + 1)
    assert caught.value.reason == "OFFSET_PAST_END"


async def test_executors_without_a_task_of_the_run_get_nothing(hops: Hops) -> None:
    with pytest.raises(PreconditionError) as caught:
        await read(hops, executor_id=ExecutorID("other"))
    assert caught.value.reason == "EXECUTOR_TASK_NOT_YOURS"
    with pytest.raises(PreconditionError):
        await read(hops, run_id=RunID("other"))


@pytest.mark.parametrize(("task_id", "step"), [(TASK, 1), (TASK, 9), (TaskID("other"), 0)])
async def test_what_nobody_saved_does_not_exist(hops: Hops, task_id: TaskID, step: int) -> None:
    with pytest.raises(NotExistError) as caught:
        await read(hops, task_id=task_id, step=step)
    assert caught.value.reason == "ARCHIVE_DOES_NOT_EXIST"


async def test_an_archive_of_another_run_does_not_exist(hops: Hops) -> None:
    await hops.objects.write("workspacearchives/foreign/data/0.tar", DATA)
    seal = f"{END.sha256.hex()} {END.size:x}\n"
    await hops.objects.write("workspacearchives/foreign/data/0.tar.sha256", seal.encode())
    with pytest.raises(NotExistError):
        await read(hops, task_id=TaskID("foreign"))


BROKEN: list[tuple[list[ArchiveEvent], type[Exception]]] = [
    ([ArchiveChunk(0, b"data"), ArchiveEnd(4, bytes(32))], InternalError),
    ([ArchiveChunk(0, DATA), ArchiveEnd(len(DATA) + 1, END.sha256)], InternalError),
    ([ArchiveChunk(0, DATA)], UnavailableError),
]


@pytest.mark.parametrize(("events", "error"), BROKEN)
async def test_a_damaged_archive_is_not_stored(
    tmp_path: Path, events: list[ArchiveEvent], error: type[Exception]
) -> None:
    async def sent() -> AsyncGenerator[ArchiveEvent, None]:
        for event in events:
            yield event

    async with opening_posix(tmp_path) as objects:
        archives = ObjectArchives(objects)
        with pytest.raises(error):
            await archives.write(TASK, 0, sent())
        assert await archives.end(TASK, 0) is None
        assert [info async for info in objects.list()] == []
