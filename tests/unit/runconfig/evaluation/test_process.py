"""The process of a program has what it needs to compute, and no more; then it is gone."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from agola.runconfig import Context, RefType
from agola.runconfig.evaluation import Limits, evaluate
from agola.runconfig.evaluation.process import WORKER

STAR = ".agola/config.star"
CONTEXT = Context(ref_type=RefType.TAG, ref="refs/tags/v1", tag="v1")
ENDLESS = b"""
def main(ctx):
    print("begun")
    for i in range(1000000000):
        pass
    return {}
"""


async def said(program: bytes, limits: Limits) -> str:
    [problem] = (await evaluate({STAR: program}, STAR, CONTEXT, limits=limits)).errors
    return problem.message


async def test_a_limit_of_time_ends_it() -> None:
    start = time.monotonic()
    message = await said(ENDLESS, Limits(wall_seconds=0.3, cpu_seconds=30))
    assert message == "evaluating it takes more than 30 s of computing, or 0.3 s in all"
    assert time.monotonic() - start < 5


async def test_a_limit_of_memory_ends_it() -> None:
    program = b"def main(ctx):\n  return {'x': len('x' * 10000000)}"
    assert (
        await said(program, Limits(memory_bytes=32 * 1024**2))
        == "evaluating it takes more than 32 MiB of memory"
    )
    assert not (await evaluate({STAR: program}, STAR, CONTEXT)).errors


async def test_a_limit_of_output_refuses_it() -> None:
    program = b"def main(ctx):\n  return {'x': 'x' * 2000}"
    assert await said(program, Limits(output_bytes=1024)) == "what it gives is larger than 1 KiB"


async def test_whoever_gives_up_leaves_nothing_behind() -> None:
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await evaluate(
                {STAR: ENDLESS}, STAR, CONTEXT, limits=Limits(wall_seconds=50, cpu_seconds=50)
            )
    assert time.monotonic() - start < 5
    assert not _workers()


def test_a_running_program_can_open_write_and_start_nothing() -> None:
    request = {
        "name": STAR,
        "files": {STAR: base64.b64encode(ENDLESS).decode()},
        "context": {},
        "limits": Limits(),
    }
    with subprocess.Popen(
        [sys.executable, "-I", "-B", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(msgspec.json.encode(request))
        process.stdin.close()
        assert process.stderr.readline() == b"begun\n"
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert process.wait() == -signal.SIGXCPU
    hard = {line[:26].strip(): line[26:].split()[1] for line in limits.splitlines()[1:]}
    assert hard["Max open files"] == "3"
    assert hard["Max file size"] == "0"
    assert hard["Max processes"] == "0"
    assert hard["Max core file size"] == "0"
    assert hard["Max address space"] == str(Limits().memory_bytes)
    assert hard["Max cpu time"] == "2"


def _workers() -> list[Path]:
    return [path for path in Path("/proc").glob("[0-9]*/stat") if _is_ours(path)]


def _is_ours(stat: Path) -> bool:
    """Say whether a process is a worker that this process has started."""
    try:
        parent = int(stat.read_text().rpartition(")")[2].split()[1])
        command = stat.with_name("cmdline").read_text()
    except (OSError, IndexError):
        return False
    return parent == os.getpid() and str(WORKER) in command
