"""The ancestor of all processes of a task, so that none of them gets away.

A program of its own that needs only the standard library.  The executor starts it once, as the
nursery, with a socket as standard input: each message brings a socket for one more *warden*, which
is a fork of the nursery and serves one task.  A warden adopts what its descendants orphan (it is
their subreaper), so a process that changes its session, forks twice or empties its environment is
still found below it.  When its socket closes, because the executor is done or dead, it kills them.
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from typing import Any

LIBC = ctypes.CDLL(None)
PR_SET_CHILD_SUBREAPER = 36
MESSAGE_BYTES = 4096


class Warden:
    """Carries out the requests of one pod: JSON in a file that comes with each message.

    spawn   {argv, environment, directory}, and a descriptor for the output; answered when the
            process ends: {status}, as waitpid says it, or at once: {error}
    signal  {signal}: sent to every process; answered at once
    wait    answered when no process is left
    kill    kills every process; answered when none is left
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._commands: dict[int, int] = {}
        self._waiting: list[int] = []

    def run(self) -> None:
        """Serve until the other side is gone, then kill whatever is left."""
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        deaths, notice = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(notice, warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(deaths, selectors.EVENT_READ)
            while self._serve({key.fd for key, _ in selector.select()}, deaths):
                pass
        self._kill()

    def _serve(self, ready: set[int], deaths: int) -> bool:
        if deaths in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(deaths, MESSAGE_BYTES)
            self._reap()
        if self._channel.fileno() in ready:
            data, descriptors, _, _ = socket.recv_fds(self._channel, 1, 2)
            if not data:
                return False
            with open(descriptors[0], "rb") as file:  # noqa: PTH123 (a descriptor)
                file.seek(0)
                self._handle(json.load(file), descriptors[1:])
        return True

    def _handle(self, request: dict[str, Any], descriptors: list[int]) -> None:
        match request["operation"]:
            case "spawn":
                self._spawn(request, descriptors[0])
            case "signal":
                for pid in _descendants():
                    _send(pid, request["signal"])
                self._reply(request["id"])
            case "wait":
                self._waiting.append(request["id"])
                self._reap()
            case _:
                self._kill()
                self._reply(request["id"])

    def _spawn(self, request: dict[str, Any], output: int) -> None:
        try:
            process = subprocess.Popen(
                request["argv"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=request["directory"],
                env=request["environment"],
                start_new_session=True,
            )
        except OSError as error:
            self._reply(request["id"], error=f"{error.filename}: {error.strerror}")
        except ValueError as error:  # a null byte somewhere, an odd name of a variable
            self._reply(request["id"], error=str(error))
        else:
            self._commands[process.pid] = request["id"]
            process.returncode = 0  # it is reaped here, so the object need not care
        finally:
            os.close(output)

    def _reap(self) -> None:
        """Bury the dead.  Tell whoever waits for a command, or for the end of all."""
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                self._bury(*found)
            return
        for waiting in self._waiting:
            self._reply(waiting)
        self._waiting.clear()

    def _bury(self, pid: int, status: int) -> None:
        if (command := self._commands.pop(pid, None)) is not None:
            self._reply(command, status=status)

    def _kill(self) -> None:
        """Kill until nothing is left.

        A process that was born while we looked has a parent that we killed, and whose death wakes
        us to look again: so none is missed.
        """
        with contextlib.suppress(ChildProcessError):
            while True:
                while (found := os.waitpid(-1, os.WNOHANG))[0]:
                    self._bury(*found)
                for pid in _descendants():
                    _send(pid, signal.SIGKILL)
                self._bury(*os.waitpid(-1, 0))
        self._reap()

    def _reply(self, request: int, **answer: Any) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more
            self._channel.send(json.dumps({"id": request, **answer}).encode())


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)  # what was stopped cannot obey


def _descendants() -> list[int]:
    """List the processes below this one, parents first."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 (many names, often)
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
            parent = int(file.read().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
    found = [os.getpid()]
    for pid in found:
        found += children.get(pid, ())
    return found[1:]


def nursery(control: socket.socket) -> None:
    """Fork a warden for each socket that arrives, until the executor is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # wardens need no burial
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            return
        channel = socket.socket(fileno=descriptors[0])
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            Warden(channel).run()
            os._exit(0)
        channel.close()


if __name__ == "__main__":
    CONTROL = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    nursery(CONTROL)
