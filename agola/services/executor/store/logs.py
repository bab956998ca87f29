"""Logs as files, and whoever follows them."""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from agola.core.errors import ExhaustedError, InternalError
from agola.model.log import MAX_CHUNK_BYTES, LogChunk, LogEnd, LogEvent, LogPart
from agola.model.run_config import TaskID
from agola.services.executor.ports.store import Log

PACE_SECONDS = 0.003
"""How long a follower lets a busy log gather bytes.  What comes after a silence goes at once."""


class Signal:
    """Wakes everybody who waits for news, and starts anew."""

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    def wait(self) -> asyncio.Future[None]:
        """Give what is done at the next news.  Take it before looking, await it after."""
        if self._next is None or self._next.done():
            self._next = asyncio.get_running_loop().create_future()
        return self._next

    def send(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.set_result(None)


class GrowingLog:
    """A log that this process writes: in the loop, as the page cache takes it in microseconds."""

    def __init__(self, path: Path, news: Signal) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        self._news = news
        self._kept: asyncio.Future[None] | None = None
        self.open = True

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            message = f"cannot write the log: {error.strerror}"
            raise ExhaustedError(message, reason="LOG_WRITE_FAILED") from error
        finally:
            self._news.send()

    def close(self) -> None:
        if self.open:
            self.open = False
            loop = asyncio.get_running_loop()
            self._kept = loop.run_in_executor(None, _sync_and_close, self._descriptor)
            self._news.send()

    async def kept(self) -> None:
        try:
            if self._kept is not None:
                await asyncio.shield(self._kept)
        except OSError as error:
            message = f"cannot keep the log: {error.strerror}"
            raise ExhaustedError(message, reason="LOG_WRITE_FAILED") from error


class DiskLogs:
    """The logs of all tasks.  One that this process does not write is complete."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._growing: dict[TaskID, dict[LogPart, GrowingLog]] = {}
        self._news: dict[TaskID, Signal] = {}

    def expect(self, task_id: TaskID) -> None:
        self._growing.setdefault(task_id, {})
        self._news.setdefault(task_id, Signal())

    def create(self, task_id: TaskID, part: LogPart) -> Log:
        self.expect(task_id)
        try:
            log = GrowingLog(self._path(task_id, part), self._news[task_id])
        except OSError as error:
            message = f"cannot write the log: {error.strerror}"
            raise ExhaustedError(message, reason="LOG_WRITE_FAILED") from error
        self._growing[task_id][part] = log
        self._news[task_id].send()
        return log

    def begun(self, task_id: TaskID, part: LogPart) -> bool:
        return self._path(task_id, part).exists()

    def size(self, task_id: TaskID, part: LogPart) -> int:
        path = self._path(task_id, part)
        return path.stat().st_size if path.exists() else 0

    async def read(
        self, task_id: TaskID, part: LogPart, *, offset: int, follow: bool
    ) -> AsyncGenerator[LogEvent, None]:
        news = self._news.get(task_id) or Signal()
        wake = news.wait()
        while follow and task_id in self._growing and not self.begun(task_id, part):
            await asyncio.shield(wake)  # others wait for the same news
            wake = news.wait()
        if not self.begun(task_id, part):
            return
        loop, sent = asyncio.get_running_loop(), 0.0
        descriptor = self._open(task_id, part)
        try:
            while True:
                wake, complete = news.wait(), not self._grows(task_id, part)
                while data := _read(descriptor, offset):
                    yield LogChunk(offset, data)
                    offset += len(data)
                    sent = loop.time()
                if complete:
                    yield LogEnd(offset)
                if complete or not follow:
                    return
                await asyncio.shield(wake)
                if self._grows(task_id, part):
                    await asyncio.sleep(max(0, sent + PACE_SECONDS - loop.time()))
        finally:
            os.close(descriptor)

    def close(self, task_id: TaskID) -> None:
        self._growing.pop(task_id, None)
        if (news := self._news.pop(task_id, None)) is not None:
            news.send()

    def _grows(self, task_id: TaskID, part: LogPart) -> bool:
        log = self._growing.get(task_id, {}).get(part)
        return log is not None and log.open

    def _open(self, task_id: TaskID, part: LogPart) -> int:
        try:
            return os.open(self._path(task_id, part), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            message = f"cannot read the log: {error.strerror}"
            raise InternalError(message, reason="LOG_READ_FAILED") from error

    def _path(self, task_id: TaskID, part: LogPart) -> Path:
        logs = self._root / task_id / "logs"
        return logs / "setup.log" if part.step is None else logs / "steps" / f"{part.step}.log"


def _sync_and_close(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(descriptor: int, offset: int) -> bytes:
    try:
        return os.pread(descriptor, MAX_CHUNK_BYTES, offset)
    except OSError as error:
        message = f"cannot read the log: {error.strerror}"
        raise InternalError(message, reason="LOG_READ_FAILED") from error
