"""Running the worker: started for one program to evaluate, killed when it takes too much."""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import cast

from agola.runconfig.evaluation.limits import Limits

WORKER = Path(__file__).with_name("worker.py")
WRONG = 3
OUT_OF_MEMORY = 4
"""The exit codes of the worker, besides 0."""

MAX_ANSWER_BYTES = 64 * 1024
"""What an answer may take that is no document, or more than the limit for one."""

_ENVIRONMENT = {"LC_ALL": "C", "MALLOC_ARENA_MAX": "1"}  # an arena takes 64 MiB of address space


class OverLimitError(Exception):
    """The program took more than it is given, or ended the evaluator."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class WrongError(Exception):
    """The program cannot be evaluated: the answer of the worker says why."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(answer)
        self.answer = answer


async def run_worker(request: bytes, limits: Limits) -> bytes:
    """Give the document that a program evaluates to.  Raises WrongError or OverLimitError.

    The worker has nothing of this process: no environment, no open files, no directory.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",  # nobody's directory and nobody's environment add to what it imports
        "-B",
        WORKER,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,  # print, std.trace, and last words
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limits.wall_seconds):
            output = await _converse(process, request, limits.output_bytes + MAX_ANSWER_BYTES)
            code = await process.wait()
    except TimeoutError:
        code, output = -signal.SIGXCPU, b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code == WRONG:
        raise WrongError(output)
    if code:
        raise _over_limit(code, limits)
    return output


async def _converse(process: Process, request: bytes, max_bytes: int) -> bytes:
    stdin = cast(asyncio.StreamWriter, process.stdin)
    stdout = cast(asyncio.StreamReader, process.stdout)
    with suppress(ConnectionError):  # its exit code says why it does not listen
        stdin.write(request)
        await stdin.drain()
    stdin.close()
    output = bytearray()
    while len(output) <= max_bytes and (piece := await stdout.read(max_bytes)):
        output += piece
    return bytes(output)


def _over_limit(code: int, limits: Limits) -> OverLimitError:
    if code == -signal.SIGXCPU:
        message = (
            f"evaluating it takes more than {limits.cpu_seconds} s of computing,"
            f" or {limits.wall_seconds:g} s in all"
        )
        return OverLimitError(message, "does a loop or a recursion never end?")
    if code in {OUT_OF_MEMORY, -signal.SIGABRT, -signal.SIGKILL}:
        message = f"evaluating it takes more than {limits.memory_bytes >> 20} MiB of memory"
        return OverLimitError(message, "does a list or a text grow without an end?")
    if code in {-signal.SIGSEGV, -signal.SIGBUS}:
        message = "it is nested too deep, or calls go too deep"
        return OverLimitError(message, "does a recursion never end?")
    return OverLimitError(f"it ended the evaluator, with exit code {code}", "write it differently")
