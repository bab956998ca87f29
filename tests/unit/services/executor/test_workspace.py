"""Files on their way from task to task."""

import hashlib
import io
import tarfile
from contextlib import aclosing

import pytest

from agola.core.errors import NotExistError, OutOfRangeError
from agola.model.archive import ArchiveChunk, ArchiveEnd, ArchiveEvent
from agola.model.executor import ExecutorTaskPhase, WorkspaceArchive
from agola.model.run_config import (
    ArchiveContents,
    RestoreWorkspaceStep,
    RunStep,
    SaveToWorkspaceStep,
    TaskID,
)
from tests.unit.services.executor.runservice import spec
from tests.unit.services.executor.workplace import TASK, Workplace

FILES = (
    "mkdir -p d/sub e; echo a > d/a.txt; echo b > d/sub/b.txt; echo c > d/c.log; ln -s a.txt d/l"
)


def run(command: str) -> RunStep:
    return RunStep(name="run", command=command)


def save(*contents: ArchiveContents) -> SaveToWorkspaceStep:
    return SaveToWorkspaceStep(contents=contents)


async def archive(workplace: Workplace, step: int, offset: int = 0) -> list[ArchiveEvent]:
    events = workplace.reading.read_archive(TaskID(TASK), step, offset=offset)
    async with aclosing(events):
        return [event async for event in events]


def content(events: list[ArchiveEvent]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, ArchiveChunk))


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def tarred(*members: str) -> list[ArchiveEvent]:
    """Make an archive: names that end with a slash are directories."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name in members:
            info = tarfile.TarInfo(name.rstrip("/"))
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.mode = 0o755
            tar.addfile(info)
    data = file.getvalue()
    return [ArchiveChunk(0, data), ArchiveEnd(len(data), hashlib.sha256(data).digest())]


async def test_files_that_match_are_saved_and_named_in_the_log(workplace: Workplace) -> None:
    part = ArchiveContents(source_dir="d", dest_dir="out", paths=("**",), exclude=("**/*.log",))
    status = await workplace.run(spec(run(FILES), save(part)))
    assert status.phase is ExecutorTaskPhase.SUCCESS
    events = await archive(workplace, 1)
    data = content(events)
    assert names(data) == ["out/a.txt", "out/l", "out/sub", "out/sub/b.txt"]
    assert events[-1] == ArchiveEnd(len(data), hashlib.sha256(data).digest())
    log = await workplace.log(1)
    assert log.splitlines()[:4] == names(data)


async def test_an_archive_can_be_read_from_any_offset(workplace: Workplace) -> None:
    await workplace.run(spec(run(FILES), save(ArchiveContents(paths=("**",)))))
    whole = content(await archive(workplace, 1))
    assert content(await archive(workplace, 1, offset=1000)) == whole[1000:]
    with pytest.raises(OutOfRangeError):
        await archive(workplace, 1, offset=len(whole) + 1)


async def test_a_step_that_saved_nothing_has_no_archive(workplace: Workplace) -> None:
    await workplace.run(spec(run("true")))
    with pytest.raises(NotExistError) as caught:
        await archive(workplace, 0)
    assert caught.value.reason == "ARCHIVE_DOES_NOT_EXIST"


async def test_two_files_for_one_destination_are_an_error_that_names_both(
    workplace: Workplace,
) -> None:
    one, two = (ArchiveContents(source_dir=name, paths=("same",)) for name in ("d", "e"))
    status = await workplace.run(spec(run("mkdir d e; touch d/same e/same"), save(one, two)))
    assert status.phase is ExecutorTaskPhase.FAILED
    assert "project/d/same and " in status.failure
    assert "project/e/same are both" in status.failure


async def test_a_source_that_is_not_there_is_an_error(workplace: Workplace) -> None:
    status = await workplace.run(spec(save(ArchiveContents(source_dir="none", paths=("**",)))))
    assert "none does not exist" in status.failure


async def test_a_destination_cannot_lead_outside(workplace: Workplace) -> None:
    part = ArchiveContents(source_dir="d", dest_dir="../..", paths=("**",))
    status = await workplace.run(spec(run(FILES), save(part)))
    assert "outside of the workspace" in status.failure


async def test_archives_of_several_tasks_merge(workplace: Workplace) -> None:
    workplace.runservice.archives = {
        ("one", 3): tarred("dist/", "dist/one"),
        ("two", 4): tarred("dist/", "dist/two"),
    }
    workspace = (
        WorkspaceArchive(task_id=TaskID("one"), step=3, task_name="first"),
        WorkspaceArchive(task_id=TaskID("two"), step=4, task_name="second"),
    )
    steps = (run("mkdir dist"), RestoreWorkspaceStep(), run("ls -1 dist"))
    status = await workplace.run(spec(*steps, workspace=workspace))
    assert status.phase is ExecutorTaskPhase.SUCCESS
    assert await workplace.log(2) == "one\ntwo\n"
    assert "that task 'first' saved" in await workplace.log(1)
    assert not list((workplace.folder() / "incoming").iterdir())


async def test_a_file_that_two_tasks_saved_is_an_error_that_names_both(
    workplace: Workplace,
) -> None:
    workplace.runservice.archives = {("one", 0): tarred("x"), ("two", 0): tarred("x")}
    workspace = (
        WorkspaceArchive(task_id=TaskID("one"), step=0, task_name="first"),
        WorkspaceArchive(task_id=TaskID("two"), step=0, task_name="second"),
    )
    status = await workplace.run(spec(RestoreWorkspaceStep(), workspace=workspace))
    assert status.failure == "task 'first' and task 'second' both saved x"


async def test_an_archive_cannot_lead_outside(workplace: Workplace) -> None:
    workplace.runservice.archives = {("one", 0): tarred("../../../evil")}
    workspace = (WorkspaceArchive(task_id=TaskID("one"), step=0, task_name="first"),)
    status = await workplace.run(spec(RestoreWorkspaceStep(), workspace=workspace))
    assert "leads outside" in status.failure


async def test_an_archive_that_was_damaged_is_an_error(workplace: Workplace) -> None:
    _, end = tarred("x")
    workplace.runservice.archives = {("one", 0): [ArchiveChunk(0, b"\1" * 512), end]}
    workspace = (WorkspaceArchive(task_id=TaskID("one"), step=0, task_name="first"),)
    status = await workplace.run(spec(RestoreWorkspaceStep(), workspace=workspace))
    assert "damaged" in status.failure
