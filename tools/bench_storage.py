"""Measure the datamanager over its storage, and print the figures as JSON.

    .venv/bin/python -m tools.bench_storage [SECTION...]

Each section runs in a process of its own, on a temporary directory or on a real etcd and a real S3
server.  Seconds, milliseconds and megabytes (10^6 bytes) are in the names of the figures.  A stall
is how much later than asked for the event loop did something; busy is the processor time that its
thread used meanwhile, which is what is left of a stall on a machine that nobody else uses.
"""

import asyncio
import gc
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from agola import datamanager
from agola.config.model import Config, EtcdKeyValue
from agola.datamanager.limits import Limits
from agola.datamanager.port import Action
from agola.datamanager.store import StoredDataManager
from agola.storage import kv, objects
from tests.testbed.etcd_process import etcd_cluster
from tests.testbed.s3_process import s3_serving

OBJECTS = 100_000
OBJECT_BYTES = 300
AT_ONCE = 1000
WRITE_SECONDS = 5.0
READS = 3000
PROBE_SECONDS = 0.001
ONLY_WHEN_ASKED = Limits(checkpoint_wals=10**9, checkpoint_bytes=10**12)


@asynccontextmanager
async def store(
    config: Config, limits: Limits | None = None
) -> AsyncGenerator[StoredDataManager, None]:
    async with (
        kv.opening(config, "bench") as live,
        objects.opening(config, "bench") as stored,
        datamanager.opening(live, stored, "base", limits=limits) as opened,
    ):
        yield opened


def action(number: int, version: int = 0) -> Action:
    """Make an object, as large as a small run is."""
    head = b'{"number": %d, "version": %d, "text": "' % (number, version)
    return Action("run", f"{number:012}", head.ljust(OBJECT_BYTES - 2, b"x") + b'"}')


async def fill(opened: StoredDataManager) -> None:
    for start in range(0, OBJECTS, AT_ONCE):
        await opened.commit([action(number) for number in range(start, start + AT_ONCE)])


async def writes(config: Config) -> dict[str, float]:
    """Commit single objects, checkpoints included: by one writer, and by 32 at once."""
    figures = {}
    async with store(config) as opened:
        for writers in (1, 32):
            end = time.perf_counter() + WRITE_SECONDS
            taken: list[float] = []

            async def write(writer: int, end: float = end, taken: list[float] = taken) -> None:
                while (start := time.perf_counter()) < end:
                    await opened.commit([action(writer * 10**6 + len(taken))])
                    taken.append(time.perf_counter() - start)

            await asyncio.gather(*map(write, range(writers)))
            figures[f"writes_per_second_{writers}"] = round(len(taken) / WRITE_SECONDS, 1)
            figures |= quantiles(taken, f"write_{writers}_ms")
    return figures


async def checkpoint(config: Config) -> dict[str, float]:
    """Fold 100,000 new objects; then one change to each hundredth part of them; then one only."""
    figures: dict[str, float] = {"checkpoint_objects": OBJECTS}
    async with store(config, ONLY_WHEN_ASKED) as opened:
        await fill(opened)
        figures |= named("checkpoint_new", await watched(opened.checkpoint))
        step = OBJECTS // 100
        await opened.commit([action(number, 1) for number in range(0, OBJECTS, step)])
        figures |= named("checkpoint_everywhere", await watched(opened.checkpoint))
        await opened.commit([action(OBJECTS)])
        figures |= named("checkpoint_one", await watched(opened.checkpoint))
    return figures


async def reads(config: Config) -> dict[str, float]:
    """Read single objects, and all, out of a snapshot."""
    chosen = random.Random(1)
    async with store(config, ONLY_WHEN_ASKED) as opened:
        await fill(opened)
        await opened.checkpoint()
        taken = []
        for _ in range(READS):
            start = time.perf_counter()
            await opened.read("run", f"{chosen.randrange(OBJECTS):012}")
            taken.append(time.perf_counter() - start)
        figures = quantiles(taken, "read_ms")

        async def scan() -> None:
            async with aclosing(opened.scan("run")) as found:
                count = 0
                async for _ in found:
                    count += 1
            assert count == OBJECTS

        return figures | named("scan", await watched(scan))


async def watched(work: Callable[[], Awaitable[None]]) -> dict[str, float]:
    """Do something; say how long it took, what memory it needed, and what the loop felt of it."""
    gc.collect()  # what came before is not to be looked at meanwhile
    forget_peak_memory()
    before = memory("VmRSS")
    async with probing() as late:
        start = time.perf_counter()
        await work()
        seconds = time.perf_counter() - start
    stalls, busy = zip(*late, strict=True)
    return {
        "seconds": round(seconds, 3),
        "peak_mb": round((memory("VmHWM") - before) / 1e6, 1),
        "longest_stall_ms": round(max(stalls) * 1000, 2),
        "longest_busy_ms": round(max(busy) * 1000, 2),
    }


@asynccontextmanager
async def probing() -> AsyncGenerator[list[tuple[float, float]], None]:
    """Ask the event loop for its attention, again and again, and note how late it is."""
    late = [(0.0, 0.0)]

    async def probe() -> None:
        while True:
            start, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(PROBE_SECONDS)
            stall = time.perf_counter() - start - PROBE_SECONDS
            late.append((stall, min(stall, time.thread_time() - used)))

    task = asyncio.create_task(probe())
    try:
        yield late
    finally:
        task.cancel()


def forget_peak_memory() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def memory(field: str) -> int:
    [line] = [each for each in Path("/proc/self/status").read_text().split("\n") if field in each]
    return int(line.split()[1]) * 1024


def quantiles(seconds: list[float], name: str) -> dict[str, float]:
    ordered = sorted(each * 1000 for each in seconds)
    return {
        f"{name}_p50": round(ordered[len(ordered) // 2], 3),
        f"{name}_p99": round(ordered[int(len(ordered) * 0.99)], 3),
    }


def named(prefix: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in figures.items()}


@contextmanager
def embedded_posix() -> Generator[Config, None, None]:
    with tempfile.TemporaryDirectory() as name:
        yield Config(data_dir=Path(name))


@contextmanager
def etcd_s3() -> Generator[Config, None, None]:
    with (
        tempfile.TemporaryDirectory() as name,
        etcd_cluster(Path(name), 1) as (server,),
        s3_serving() as s3,
    ):
        key_value = EtcdKeyValue(endpoints=(server.endpoint,))
        yield Config(data_dir=Path(name), key_value=key_value, objects=s3)


STORAGES = {each.__name__: each for each in (embedded_posix, etcd_s3)}
WORK = {each.__name__: each for each in (writes, checkpoint, reads)}
SECTIONS = [f"{storage}_{work}" for storage in STORAGES for work in WORK]


def run(section: str) -> dict[str, float]:
    """Run a section here."""
    storage, _, work = section.rpartition("_")
    with STORAGES[storage]() as config:
        return named(storage, asyncio.run(WORK[work](config)))


def measure(section: str) -> dict[str, Any]:
    """Run a section in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, "--here", section]
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def main(arguments: list[str]) -> None:
    figures: dict[str, Any] = {}
    if arguments[:1] == ["--here"]:
        figures = run(arguments[1])
    else:
        for section in arguments or SECTIONS:
            figures |= measure(section)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
