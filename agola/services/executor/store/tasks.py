"""Records of tasks as files."""

import asyncio
import logging
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec

from agola.core.errors import ExhaustedError
from agola.model.run_config import TaskID
from agola.services.executor.ports.store import TaskRecord
from agola.services.executor.store.durable import sync_directory, write_durably

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

RECORD = "task.json"
NOTE = "progress.json"


class DiskTasks:
    """A folder for each task, with a record in it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._thread = ThreadPoolExecutor(1, "task-records")  # one, so that the last word stays

    async def load(self) -> Sequence[TaskRecord]:
        return await self._run(self._load)

    async def save(self, record: TaskRecord) -> None:
        await self._write(self._save, record)

    async def note(self, record: TaskRecord) -> None:
        await self._write(self._note, record)

    async def delete(self, task_id: TaskID) -> None:
        await self._run(self._delete, self._root / task_id)

    async def _write(self, work: Callable[[TaskRecord], None], record: TaskRecord) -> None:
        try:
            await self._run(work, record)
        except OSError as error:
            message = f"cannot write the record of the task: {error.strerror}"
            raise ExhaustedError(message, reason="TASK_WRITE_FAILED") from error

    async def _run(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Do work in the order of the calls, to its end even if the caller is cancelled."""
        call = partial(work, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _load(self) -> list[TaskRecord]:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return [record for folder in self._root.iterdir() if (record := _read(folder)) is not None]

    def _save(self, record: TaskRecord) -> None:
        folder = self._root / record.task_id
        fresh = not folder.exists()
        if fresh:
            folder.mkdir(parents=True, mode=0o700)
        write_durably(folder / RECORD, msgspec.json.encode(record))
        if fresh:  # last, for by now the disk has most of it
            sync_directory(self._root)

    def _note(self, record: TaskRecord) -> None:
        path = self._root / record.task_id / NOTE
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(record))
        fresh.replace(path)

    def _delete(self, folder: Path) -> None:
        """Delete the record first: without it, the rest is rubbish that the next start removes."""
        (folder / RECORD).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def _read(folder: Path) -> TaskRecord | None:
    """Read the newest word on a task.  A folder without a record is rubbish, and goes."""
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=TaskRecord)
    except FileNotFoundError:  # admitted or deleted by half: it never ran, or is done with
        shutil.rmtree(folder, ignore_errors=True)
        return None
    except (OSError, msgspec.MsgspecError):
        logger.exception("the record of task %s is unreadable", folder.name)
        return None
    with suppress(OSError, msgspec.MsgspecError):  # there is none, or the machine lost it
        note = msgspec.json.decode((folder / NOTE).read_bytes(), type=TaskRecord)
        return max(record, note, key=lambda known: known.status.sequence)
    return record
