"""The executor's side of the wardens: see `warden`."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agola.core.errors import InternalError
from agola.services.executor.drivers.process import warden

MESSAGE_BYTES = 65536


class WardenChannel:
    """Speaks with the warden of one pod.

    What it is asked after the warden is gone is InternalError: `POD_LOST`.
    """

    def __init__(self, channel: socket.socket) -> None:
        channel.settimeout(0)
        self._channel = channel
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0
        self._lost = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(channel, self._receive)

    @property
    def lost(self) -> bool:
        """Whether the warden went before its time."""
        return self._lost

    def spawn(
        self, argv: Sequence[str], *, environment: Mapping[str, str], directory: str, output: int
    ) -> asyncio.Future[dict[str, Any]]:
        """Start a process.  The answer comes when it ends: `status`, or `error`."""
        arguments = {"argv": argv, "environment": environment, "directory": directory}
        return self._ask("spawn", descriptors=(output,), **arguments)

    async def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process."""
        await self._ask("signal", signal=number)

    async def wait(self) -> None:
        """Wait until no process is left."""
        await self._ask("wait")

    async def kill(self) -> None:
        """Kill every process; none is left after it."""
        await self._ask("kill")

    def close(self) -> None:
        """Let the warden go.  It kills what is left.  May be repeated."""
        if self._channel.fileno() >= 0:
            self._loop.remove_reader(self._channel)
            self._channel.close()
        self._fail()

    def _ask(
        self, operation: str, *, descriptors: Sequence[int] = (), **arguments: Any
    ) -> asyncio.Future[dict[str, Any]]:
        self._count += 1
        answer = self._answers[self._count] = self._loop.create_future()
        request = {"operation": operation, "id": self._count, **arguments}
        # The request travels as a file: a message has a size limit, an environment has none.
        with os.fdopen(os.memfd_create("request"), "wb") as file:
            file.write(json.dumps(request).encode())
            file.flush()
            try:
                socket.send_fds(self._channel, [b"r"], [file.fileno(), *descriptors])
            except OSError:
                self._fail()
        return answer

    def _receive(self) -> None:
        try:
            data = self._channel.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost = True
            self.close()
            return
        answer = json.loads(data)
        future = self._answers.pop(answer["id"])
        if not future.done():
            future.set_result(answer)

    def _fail(self) -> None:
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                message = "the processes of the task were lost"
                answer.set_exception(InternalError(message, reason="POD_LOST"))
                answer.exception()  # whoever asked may be gone


class Nursery:
    """Makes wardens: forks of one small process, because this one is too big to fork."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()

    async def warden(self) -> WardenChannel:
        """Make a warden."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(await self._running(), [b"w"], [theirs.fileno()])
        return WardenChannel(ours)

    async def start(self) -> None:
        """Start before the first task needs it, which is then sooner served."""
        await self._running()

    async def close(self) -> None:
        """End it.  Wardens live on until they are let go themselves."""
        if self._control is not None and self._process is not None:
            self._control.close()
            self._control = None
            await self._process.wait()

    async def _running(self) -> socket.socket:
        async with self._starting:
            if self._control is not None and self._process is not None:
                if self._process.returncode is None:
                    return self._control
                self._control.close()
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", str(Path(warden.__file__))),
                    stdin=theirs.fileno(),
                    stdout=asyncio.subprocess.DEVNULL,
                    env={},
                    cwd="/",
                    start_new_session=True,  # a Ctrl-C at the terminal is for the executor
                )
            return self._control
