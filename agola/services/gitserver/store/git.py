"""Running git: with our settings, and nobody else's."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

from agola.core.errors import InternalError

PIPE_BYTES = 256 * 1024
GRACE_SECONDS = 5.0
"""How long a push that breaks off may take to remove its temporary files."""
MAX_STDERR_BYTES = 4096

_ENVIRONMENT = {
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}

_SETTINGS = {
    "safe.directory": "*",  # a volume may belong to somebody else
    "core.hooksPath": os.devnull,
    "core.fsync": "all",  # what was answered with "ok" stays
    "receive.fsckObjects": "true",
    "receive.fsck.zeroPaddedFilemode": "ignore",  # old, widespread, harmless
    "receive.unpackLimit": "1",  # one pack is synced faster than a hundred loose objects
    "receive.advertiseAtomic": "true",
    "receive.denyDeletes": "false",
    "receive.denyDeleteCurrent": "ignore",
    "receive.denyNonFastForwards": "false",  # every direct run is a commit of its own
    "gc.autoDetach": "false",  # no process outlives the push that started it
    "uploadpack.allowAnySHA1InWant": "true",  # a run wants its commit, wherever the ref is by now
    "uploadpack.allowFilter": "true",
}


class Git:
    """Starts git commands on bare repositories."""

    def __init__(self, *, max_push_bytes: int) -> None:
        settings = _SETTINGS | {"receive.maxInputSize": str(max_push_bytes)}
        pairs = [("-c", f"{name}={value}") for name, value in settings.items()]
        self._prefix = [argument for pair in pairs for argument in pair]
        self._environment = _ENVIRONMENT | {"PATH": os.environ.get("PATH", os.defpath)}

    @asynccontextmanager
    async def running(
        self, *arguments: str | Path, protocol: str = "", tidies: bool = False
    ) -> AsyncGenerator["Running", None]:
        """Start git with *arguments*.  It is gone, with all its children, when the block ends.

        One that *tidies* is first given the time to remove what it began to write.
        """
        environment = self._environment | ({"GIT_PROTOCOL": protocol} if protocol else {})
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                *self._prefix,
                *arguments,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                limit=PIPE_BYTES,
                env=environment,
                cwd="/",
                start_new_session=True,  # so that git's own children can be ended with it
            )
        except OSError as error:
            raise failed(f"cannot start it: {error.strerror}".encode()) from error
        try:
            yield Running(process)
        finally:
            await _end(process, tidies=tidies)

    async def output(self, *arguments: str | Path, stdin: bytes = b"") -> bytes:
        """Run git to its end and give what it says.  InternalError: `GIT_FAILED`."""
        async with self.running(*arguments) as running:
            output, errors = await running.process.communicate(stdin)
            if running.process.returncode:
                raise failed(errors)
        return output


class Running:
    """A git process and its three pipes."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.stdin = cast(asyncio.StreamWriter, process.stdin)
        self.stdout = cast(asyncio.StreamReader, process.stdout)
        self._stderr = cast(asyncio.StreamReader, process.stderr)

    async def complaints(self) -> bytes:
        """Read standard error to its end; give the last of it."""
        kept = b""
        while piece := await self._stderr.read(MAX_STDERR_BYTES):
            kept = (kept + piece)[-MAX_STDERR_BYTES:]
        return kept


def failed(errors: bytes) -> InternalError:
    """Say that git failed, in its own words."""
    cause = errors.decode(errors="replace").strip() or "no reason given"
    return InternalError(f"git failed: {cause}", reason="GIT_FAILED", cause=cause)


async def _end(process: Process, *, tidies: bool) -> None:
    try:
        if tidies and process.returncode is None:
            # A signal would reach parent and child at once, and the parent would fail to remove
            # the directory that its child still writes into.  The end of the input ends the child
            # first.
            cast(asyncio.StreamWriter, process.stdin).close()
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    await process.communicate()
    finally:
        if process.returncode is None:
            _signal(process, signal.SIGKILL)
            await process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
