"""Reads every bomb in a process that does nothing else, and prints what each one took, as JSON."""

import asyncio
import gc
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from agola.core.ids import RandomIds
from agola.runconfig import Context, Parsed, RefType, compile_run, matches
from agola.runconfig.evaluation import Evaluator
from tests.fuzz.bombs import BOMBS, FILES

CONTEXT = Context(ref_type=RefType.BRANCH, ref="refs/heads/" + "a" * 200, branch="a" * 200)


class Measured(Struct, frozen=True):
    """What a definition took.  Memory is the peak; that of the children, until then."""

    file: str
    bomb: str
    seconds: float
    """Of waiting."""
    computing_seconds: float
    """Its own and those of its children."""
    own_bytes: int
    children_bytes: int
    errors: int
    said: str


def forget_peak() -> None:
    """Begin to measure now: until here, the peak is that of what came before."""
    Path("/proc/self/clear_refs").write_text("5")


def own_peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def children_peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def computing_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def carried_out(parsed: Parsed) -> Iterator[str]:
    """Do what is done with a sound definition."""
    if parsed.definition is not None:
        for run in parsed.definition.runs:
            if matches(run.when, CONTEXT):
                compile_run(run, ids=RandomIds(), variables={}, context=CONTEXT)
                yield run.name


async def measured(evaluator: Evaluator, file: str, bomb: str) -> Measured:
    gc.collect()  # what the bombs before it left is not of this one
    forget_peak()
    start, computed = time.perf_counter(), computing_seconds()
    parsed = await evaluator.parsed({**FILES, file: BOMBS[file, bomb]}, file, CONTEXT)
    names = list(carried_out(parsed))
    return Measured(
        file=file,
        bomb=bomb,
        seconds=time.perf_counter() - start,
        computing_seconds=computing_seconds() - computed,
        own_bytes=own_peak_bytes(),
        children_bytes=children_peak_bytes(),
        errors=len(parsed.errors),
        said=str(parsed.errors[0])[:200] if parsed.errors else f"{len(names)} runs",
    )


async def main() -> None:
    evaluator = Evaluator()
    for file, bomb in BOMBS:
        one = await measured(evaluator, file, bomb)
        sys.stdout.buffer.write(msgspec.json.encode(one) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(main())
