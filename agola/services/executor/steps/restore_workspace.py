"""The step that takes the files that the tasks before this one saved."""

import asyncio
import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

from agola.core.errors import InternalError, PreconditionError
from agola.model.archive import ArchiveChunk, ArchiveEnd
from agola.model.executor import WorkspaceArchive
from agola.model.run_config import RestoreWorkspaceStep
from agola.services.executor.steps.context import StepContext


async def restore_workspace(step: RestoreWorkspaceStep, context: StepContext) -> None:
    """Unpack the archives of all tasks before this one.  Nothing is unpacked if they collide."""
    archives = context.spec.workspace
    paths = [context.archives.incoming(context.task.task_id, i) for i in range(len(archives))]
    try:
        for archive, path in zip(archives, paths, strict=True):
            size = await fetch(archive, path, context)
            context.say(f"fetched {size} bytes that task {archive.task_name!r} saved")
        await asyncio.to_thread(_check_collisions, archives, paths)
        for path in paths:
            await context.pod.unpack(path, context.resolve(step.dest_dir))
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
    what = "archive" if len(archives) == 1 else "archives"
    context.say(f"restored {len(archives)} {what}")


async def fetch(archive: WorkspaceArchive, path: Path, context: StepContext) -> int:
    """Fetch one archive and say its size.  InternalError: `ARCHIVE_BROKEN`."""
    digest = hashlib.sha256()
    end: ArchiveEnd | None = None
    stream = context.workspace.stream_workspace_archive(
        context.task.executor_id, context.task.run_id, archive.task_id, step=archive.step
    )
    async with aclosing(stream) as events:
        with path.open("wb") as file:
            async for event in events:
                if isinstance(event, ArchiveChunk):
                    file.write(event.data)
                    digest.update(event.data)
                else:
                    end = event
    if end is None or end.sha256 != digest.digest():
        raise _damaged(archive)
    return end.size


def _check_collisions(archives: Sequence[WorkspaceArchive], paths: Sequence[Path]) -> None:
    """Refuse what two archives both hold, unless both mean a directory."""
    seen: dict[str, tuple[WorkspaceArchive, bool]] = {}
    for archive, path in zip(archives, paths, strict=True):
        for name, is_directory in _members(archive, path):
            other, was_directory = seen.setdefault(name, (archive, is_directory))
            if other is not archive and not (was_directory and is_directory):
                raise _collision(name, other, archive)


def _members(archive: WorkspaceArchive, path: Path) -> Iterator[tuple[str, bool]]:
    """Name the members of an archive, and say which are directories."""
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                yield info.name, info.isdir()
    except tarfile.TarError as error:
        raise _damaged(archive) from error


def _damaged(archive: WorkspaceArchive) -> InternalError:
    message = f"the archive of task {archive.task_name!r} arrived damaged"
    return InternalError(message, reason="ARCHIVE_BROKEN", task=archive.task_name)


def _collision(name: str, one: WorkspaceArchive, two: WorkspaceArchive) -> PreconditionError:
    message = f"task {one.task_name!r} and task {two.task_name!r} both saved {name}"
    return PreconditionError(
        message, reason="FILE_TWICE", path=name, one=one.task_name, two=two.task_name
    )
