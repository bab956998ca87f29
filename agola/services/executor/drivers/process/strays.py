"""Processes that outlived whoever was to look after them, found by what their environment says."""

import contextlib
import os
import select
import signal
from collections.abc import Mapping
from pathlib import Path

PATIENCE_MS = 10_000


def kill_strays(marks: Mapping[str, str]) -> int:
    """Kill every process whose environment has all of *marks*; say how many there were.

    Blocks until they are dead, or cannot be killed for ten seconds.
    """
    wanted = {f"{name}={value}".encode() for name, value in marks.items()}
    killed = 0
    while strays := _marked(wanted):
        killed += len(strays)
        if not _kill(strays):
            break
    return killed


def _marked(wanted: set[bytes]) -> list[int]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with contextlib.suppress(OSError):  # it ended, or is somebody else's
                if wanted.issubset(process.joinpath("environ").read_bytes().split(b"\0")):
                    found.append(int(process.name))
    return found


def _kill(pids: list[int]) -> bool:
    """Kill processes and wait for their end.  Says whether all have ended."""
    poll = select.poll()
    waiting: set[int] = set()
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                descriptor = os.pidfd_open(pid)
                waiting.add(descriptor)
                poll.register(descriptor, select.POLLIN)
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        remaining = set(waiting)
        while remaining:
            ended = {descriptor for descriptor, _ in poll.poll(PATIENCE_MS)}
            if not ended:
                return False
            for descriptor in ended:
                poll.unregister(descriptor)
            remaining -= ended
    finally:
        for descriptor in waiting:
            os.close(descriptor)
    return True
