"""The executor's disk."""

import asyncio
import hashlib
from contextlib import aclosing
from pathlib import Path

import pytest

from agola.core.errors import ExhaustedError
from agola.core.ids import RandomIds
from agola.model.archive import ArchiveEnd
from agola.model.executor import ExecutorTaskPhase, ExecutorTaskStatus
from agola.model.log import SETUP_LOG, LogChunk, LogEnd, LogEvent, LogPart
from agola.model.run_config import RunID, TaskID
from agola.services.executor.ports.store import TaskRecord
from agola.services.executor.store import DiskArchives, DiskLogs, DiskTasks, load_executor_id

TASK = TaskID("t")
STEP = LogPart(0)


def record(sequence: int, phase: ExecutorTaskPhase = ExecutorTaskPhase.RUNNING) -> TaskRecord:
    status = ExecutorTaskStatus(sequence=sequence, phase=phase)
    return TaskRecord(task_id=TASK, run_id=RunID("r"), status=status)


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def follow(logs: DiskLogs, part: LogPart, offset: int = 0) -> list[LogEvent]:
    async with aclosing(logs.read(TASK, part, offset=offset, follow=True)) as events:
        return [event async for event in events]


def test_an_executor_keeps_its_id(tmp_path: Path) -> None:
    chosen = load_executor_id(tmp_path / "new", RandomIds())
    assert load_executor_id(tmp_path / "new", RandomIds()) == chosen


async def test_what_is_saved_is_loaded_in_the_next_life(tmp_path: Path) -> None:
    await DiskTasks(tmp_path).save(record(3))
    assert await DiskTasks(tmp_path).load() == [record(3)]


async def test_the_newest_word_on_a_task_counts(tmp_path: Path) -> None:
    tasks = DiskTasks(tmp_path)
    await tasks.save(record(1))
    await tasks.note(record(2))
    assert await DiskTasks(tmp_path).load() == [record(2)]
    await tasks.save(record(3, ExecutorTaskPhase.SUCCESS))
    assert await DiskTasks(tmp_path).load() == [record(3, ExecutorTaskPhase.SUCCESS)]


async def test_a_note_that_the_machine_lost_leaves_what_was_saved(tmp_path: Path) -> None:
    tasks = DiskTasks(tmp_path)
    await tasks.save(record(1))
    await tasks.note(record(2))
    (tmp_path / TASK / "progress.json").write_bytes(b"")
    assert await DiskTasks(tmp_path).load() == [record(1)]


async def test_a_deleted_task_is_gone_with_its_files(tmp_path: Path) -> None:
    tasks, logs = DiskTasks(tmp_path), DiskLogs(tmp_path)
    await tasks.save(record(1))
    logs.create(TASK, STEP).close()
    await tasks.delete(TASK)
    await tasks.delete(TASK)
    assert names(tmp_path) == []


async def test_a_folder_without_a_record_is_rubbish(tmp_path: Path) -> None:
    (tmp_path / "t" / "logs").mkdir(parents=True)
    assert await DiskTasks(tmp_path).load() == []
    assert names(tmp_path) == []


async def test_a_record_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExhaustedError) as caught:
        await DiskTasks(tmp_path / "file").save(record(1))
    assert caught.value.reason == "TASK_WRITE_FAILED"


async def test_a_follower_waits_for_a_log_to_begin_to_grow_and_to_end(tmp_path: Path) -> None:
    logs = DiskLogs(tmp_path)
    logs.expect(TASK)
    reading = asyncio.create_task(follow(logs, STEP))
    await asyncio.sleep(0)
    log = logs.create(TASK, STEP)
    await asyncio.sleep(0)
    log.write(b"one\n")
    await asyncio.sleep(0)
    log.write(b"two\n")
    log.close()
    log.close()
    await log.kept()
    events = await reading
    assert b"".join(e.data for e in events if isinstance(e, LogChunk)) == b"one\ntwo\n"
    assert events[-1] == LogEnd(8)


async def test_a_follower_of_a_log_that_never_begins_is_let_go(tmp_path: Path) -> None:
    logs = DiskLogs(tmp_path)
    logs.expect(TASK)
    reading = asyncio.create_task(follow(logs, STEP))
    await asyncio.sleep(0)
    logs.close(TASK)
    assert await reading == []
    assert await follow(logs, STEP) == []


async def test_a_log_of_an_earlier_life_is_complete(tmp_path: Path) -> None:
    DiskLogs(tmp_path).create(TASK, SETUP_LOG).write(b"cut short")
    assert await follow(DiskLogs(tmp_path), SETUP_LOG, 4) == [LogChunk(4, b"short"), LogEnd(9)]


async def test_a_chunk_is_never_larger_than_a_message_may_be(tmp_path: Path) -> None:
    logs = DiskLogs(tmp_path)
    log = logs.create(TASK, STEP)
    log.write(b"x" * 600_000)
    log.close()
    sizes = [len(e.data) for e in await follow(logs, STEP) if isinstance(e, LogChunk)]
    assert sizes == [262_144, 262_144, 75_712]


async def test_a_reader_that_leaves_leaves_no_descriptor(tmp_path: Path) -> None:
    logs = DiskLogs(tmp_path)
    logs.create(TASK, STEP).write(b"x")
    before = len(names(Path("/proc/self/fd")))
    for _ in range(5):
        async with aclosing(logs.read(TASK, STEP, offset=0, follow=True)) as events:
            await anext(events)
    assert len(names(Path("/proc/self/fd"))) == before


async def test_an_archive_counts_once_it_is_sealed(tmp_path: Path) -> None:
    archives = DiskArchives(tmp_path)
    archives.draft(TASK, 2).write_bytes(b"tar")
    assert await archives.end(TASK, 2) is None
    end = await archives.seal(TASK, 2)
    assert end == ArchiveEnd(3, hashlib.sha256(b"tar").digest())
    assert await DiskArchives(tmp_path).end(TASK, 2) == end
