"""Logs and workspace archives, as exports take them with the runs that need them."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from agola.datamanager.port import View
from agola.model.export import ExportChoice
from agola.model.run import ArchivedRun
from agola.services.runservice.store.run_table import RUN
from agola.storage.objects.port import ObjectStorage

LOGS = "logs/"
ARCHIVES = "workspacearchives/"

_SEGMENT = r"[^/]+"
_PATHS = (
    (LOGS, re.compile(rf"logs/{_SEGMENT}/(data/(setup|steps/\d+)\.log|runs/{_SEGMENT})", re.ASCII)),
    (
        ARCHIVES,
        re.compile(
            rf"workspacearchives/{_SEGMENT}/(data/\d+\.tar(\.sha256)?|runs/{_SEGMENT})", re.ASCII
        ),
    ),
)


class RunFiles:
    """`Files` of the runservice."""

    def __init__(self, objects: ObjectStorage) -> None:
        self._objects = objects

    async def listed(self, view: View, choice: ExportChoice) -> AsyncGenerator[str, None]:
        """Give the logs and archives of runs that are in *view*, and the marks of these.

        Such runs have ended, and their files never change.  Marks of others stay behind: nobody
        would ever remove them.
        """
        hashes = await _hashes(view)
        for folder in _folders(choice):
            async with aclosing(self._objects.list(folder)) as infos:
                async for info in infos:
                    if not self.known(info.path, choice):
                        continue
                    _, task_id, kind, rest = info.path.split("/", 3)
                    if hash(task_id) in hashes and (kind != "runs" or hash(rest) in hashes):
                        yield info.path

    def known(self, path: str, choice: ExportChoice) -> bool:
        folders = _folders(choice)
        return any(folder in folders and form.fullmatch(path) for folder, form in _PATHS)


async def _hashes(view: View) -> set[int]:
    """Give hashes of the ids of all runs and tasks: there may be millions.

    Two ids that share one would put a log too many into the export, and do no harm.
    """
    hashes: set[int] = set()
    async with aclosing(view.scan(RUN)) as runs:
        async for stored in runs:
            archived = msgspec.json.decode(stored.data, type=ArchivedRun)
            hashes.add(hash(archived.run.id))
            hashes.update(hash(task.id) for task in archived.tasks)
            await asyncio.sleep(0)  # others have their turn, too
    return hashes


def _folders(choice: ExportChoice) -> tuple[str, ...]:
    wanted = ((choice.with_logs, LOGS), (choice.with_archives, ARCHIVES))
    return tuple(folder for chosen, folder in wanted if chosen)
