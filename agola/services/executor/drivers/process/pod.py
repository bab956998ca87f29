"""One task as processes and files of this machine."""

import asyncio
import contextlib
import os
import pwd
import signal
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from agola.core.errors import InternalError, PreconditionError
from agola.model.executor import ExecutorID
from agola.model.run_config import TaskID
from agola.services.executor.drivers.process import files
from agola.services.executor.drivers.process.nursery import WardenChannel
from agola.services.executor.drivers.process.strays import kill_strays
from agola.services.executor.drivers.process.stream import OutputStream
from agola.services.executor.ports.driver import Command, Exit, FileEntry, Member, Output

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TASK_VARIABLE = "AGOLA_TASK_ID"
EXECUTOR_VARIABLE = "AGOLA_EXECUTOR_ID"
KILL_SECONDS = 10.0


@dataclass(slots=True, kw_only=True)
class ProcessPod:
    """A directory with a home and a place for temporary files, and a tree of processes."""

    task_id: TaskID
    executor_id: ExecutorID
    root: Path
    warden: WardenChannel
    grace: timedelta
    removed: Callable[[TaskID], object]
    description: tuple[str, ...] = ()
    _streams: list[OutputStream] = field(default_factory=list)
    _commands: int = 0

    def resolve(self, path: str, *, base: str = "~") -> str:
        home = str(self.root / "home")
        if path == "~" or path.startswith("~/"):
            return os.path.normpath(home + path[1:])
        if PurePosixPath(path).is_absolute():
            return os.path.normpath(path)
        return os.path.normpath(Path(self.resolve(base), path))

    async def make_directory(self, path: str) -> None:
        try:
            os.makedirs(self.resolve(path), exist_ok=True)  # noqa: PTH103 (short: not worth a thread)
        except OSError as error:
            message = f"cannot make the directory {path}: {error.strerror}"
            raise PreconditionError(message, reason="FILE_EXISTS", path=path) from error

    async def execute(self, command: Command, output: Output) -> Exit:
        stream = OutputStream(output, tty=command.tty)
        self._streams.append(stream)
        with self._script(command.script) as script:
            try:
                ended = self._spawn(command, script, stream)
                either: list[asyncio.Future[Any]] = [ended, stream.failed]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if stream.failed.done():
                    await self.stop()
                    await stream.failed
                return _exit(await ended)
            except asyncio.CancelledError:
                await self.stop()
                raise
            finally:
                stream.finish()

    async def find(self, directory: str) -> Sequence[FileEntry]:
        return await asyncio.to_thread(files.find, Path(self.resolve(directory)))

    async def pack(self, members: Sequence[Member], archive: Path) -> None:
        await asyncio.to_thread(files.pack, members, archive)

    async def unpack(self, archive: Path, directory: str) -> None:
        await asyncio.to_thread(files.unpack, archive, Path(self.resolve(directory)))

    @contextlib.asynccontextmanager
    async def directory(self, path: str) -> AsyncGenerator[Path, None]:
        await self.make_directory(path)
        yield Path(self.resolve(path))

    async def stop(self) -> None:
        with contextlib.suppress(TimeoutError, InternalError):
            async with asyncio.timeout(self.grace.total_seconds()):
                await self.warden.signal(signal.SIGTERM)
                await self.warden.wait()
                return
        await self.kill()

    async def remove(self) -> None:
        await self.kill()
        self.warden.close()
        for stream in self._streams:
            stream.close()
        await asyncio.to_thread(files.delete_tree, self.root)
        self.removed(self.task_id)

    async def kill(self) -> None:
        try:
            async with asyncio.timeout(KILL_SECONDS):
                await self.warden.kill()
        except (TimeoutError, InternalError):  # somebody killed the warden
            await asyncio.to_thread(kill_strays, self._marks())

    def _spawn(
        self, command: Command, script: Sequence[str], stream: OutputStream
    ) -> asyncio.Future[dict[str, Any]]:
        try:
            return self.warden.spawn(
                [*command.argv, *script],
                environment=self._environment(command),
                directory=self.resolve(command.directory),
                output=stream.child,
            )
        finally:
            stream.release_child()

    def _environment(self, command: Command) -> dict[str, str]:
        return {
            "PATH": PATH,
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "USER": user_name(),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color" if command.tty else "dumb",
            "PAGER": "cat",  # there may be a terminal, but nobody sits at it to turn pages
            **command.environment,
            **self._marks(),
        }

    def _marks(self) -> dict[str, str]:
        """Give what tells the processes of this pod from all others."""
        return {TASK_VARIABLE: self.task_id, EXECUTOR_VARIABLE: self.executor_id}

    @contextlib.contextmanager
    def _script(self, text: str | None) -> Iterator[tuple[str, ...]]:
        if text is None:
            yield ()
            return
        self._commands += 1
        path = self.root / "commands" / str(self._commands)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        try:
            yield (str(path),)
        finally:
            path.unlink(missing_ok=True)


def user_name() -> str:
    """Say who runs the executor, and so everything in its pods."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _exit(answer: Mapping[str, Any]) -> Exit:
    if "error" in answer:
        message = f"cannot start: {answer['error']}"
        raise PreconditionError(message, reason="COMMAND_CANNOT_START")
    code = os.waitstatus_to_exitcode(answer["status"])
    return Exit(code=code) if code >= 0 else Exit(signal=_signal_name(-code))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has a number only
        return f"SIG{number}"
