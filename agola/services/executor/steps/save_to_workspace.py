"""The step that hands files to the tasks after this one."""

import asyncio
from collections.abc import Iterator, Sequence
from posixpath import join, normpath

from agola.core.errors import PreconditionError
from agola.model.run_config import ArchiveContents, SaveToWorkspaceStep
from agola.services.executor.ports.driver import FileEntry, Member
from agola.services.executor.steps.context import StepContext
from agola.services.executor.steps.glob import matcher


async def save_to_workspace(step: SaveToWorkspaceStep, context: StepContext) -> None:
    """Archive the files that the step names, and name them in the log.

    Directories are kept as such only where they match themselves.
    """
    members = await collect(step.contents, context)
    for member in members:
        context.say(member.name)
    archive = context.archives.draft(context.task.task_id, context.index)
    await context.pod.pack(members, archive)
    end = await context.archives.seal(context.task.task_id, context.index)
    context.say(f"saved {len(members)} files and directories, {end.size} bytes")


async def collect(contents: Sequence[ArchiveContents], context: StepContext) -> list[Member]:
    """Find what is to be archived.  PreconditionError: `FILE_TWICE`, and those of `find`."""
    members: dict[str, Member] = {}
    for part in contents:
        source = context.resolve(part.source_dir)
        entries = await context.pod.find(source)
        for entry in await asyncio.to_thread(_chosen, part, entries):
            member = Member(join(source, entry.path), destination(part.dest_dir, entry.path))
            other = members.setdefault(member.name, member)
            if other.source != member.source:
                message = f"{other.source} and {member.source} are both to be saved as {other.name}"
                raise PreconditionError(message, reason="FILE_TWICE", path=other.name)
    return list(members.values())


def _chosen(part: ArchiveContents, entries: Sequence[FileEntry]) -> list[FileEntry]:
    return list(_choose(part, entries))


def _choose(part: ArchiveContents, entries: Sequence[FileEntry]) -> Iterator[FileEntry]:
    wanted = [matcher(pattern) for pattern in part.paths]
    unwanted = [matcher(pattern) for pattern in part.exclude]
    for entry in entries:
        if any(matches(entry.path) for matches in wanted) and not any(
            matches(entry.path) for matches in unwanted
        ):
            yield entry


def destination(directory: str, path: str) -> str:
    """Say the name in the archive.  PreconditionError: `DESTINATION_OUTSIDE`."""
    name = normpath(join(directory.lstrip("/"), path))
    if name == ".." or name.startswith("../"):
        message = f"the destination {directory} is outside of the workspace"
        raise PreconditionError(message, reason="DESTINATION_OUTSIDE", path=directory)
    return name
