"""How fast logs travel from an executor to readers: every hop over loopback, all in this process.

    .venv/bin/python -m tools.bench_logs             prints the figures as JSON
    .venv/bin/python -m tools.bench_logs --profile   prints where the time went as well

A reader at the runservice is one relay away from the executor, a reader at the gateway two.
Milliseconds and megabytes (10^6 bytes) are in the names of the figures.
"""

import argparse
import asyncio
import cProfile
import json
import pstats
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

from agola.model.log import MAX_CHUNK_BYTES, LogChunk, LogEvent, LogPart
from agola.model.run_ref import TaskRef
from tests.testbed.log_hops import RUN, TASK, Hops, log_hops

MEGABYTE = 1_000_000
LINE = b"x" * 99 + b"\n"
LINE_INTERVAL_SECONDS = 0.005
PROFILED_FUNCTIONS = 40

Events = AsyncGenerator[LogEvent | None, None]


async def measure(
    *, megabytes: int = 200, lines: int = 200, followers: int = 100
) -> dict[str, float]:
    """Carry a log of *megabytes*, then *lines* to one follower, then a few to *followers*."""
    with tempfile.TemporaryDirectory() as directory:
        async with log_hops(Path(directory)) as hops:
            await hops.put()
            return {
                **await _throughput(hops, megabytes * MEGABYTE),
                **await _lines(hops, lines),
                **await _crowd(hops, followers),
            }


async def _throughput(hops: Hops, size: int) -> dict[str, float]:
    part = LogPart(0)
    log = hops.executor.log(TASK, part, bytes(MAX_CHUNK_BYTES) * (size // MAX_CHUNK_BYTES))
    log.ended = True
    figures = {
        "log_one_relay_mb_per_s": await _speed(_at_runservice(hops, part)),
        "log_two_relays_mb_per_s": await _speed(_at_gateway(hops, part)),
    }
    path = f"logs/{TASK}/data/steps/0.log"
    await hops.objects.write(path, bytes(log.data))
    figures["log_stored_two_hops_mb_per_s"] = await _speed(_at_gateway(hops, part))
    await hops.objects.delete(path)
    return figures


async def _speed(events: Events) -> float:
    size, start = 0, time.perf_counter()
    async with aclosing(events):
        async for event in events:
            if isinstance(event, LogChunk):
                size += len(event.data)
    return round(size / MEGABYTE / (time.perf_counter() - start), 1)


async def _lines(hops: Hops, lines: int) -> dict[str, float]:
    part = LogPart(0)
    figures = {}
    for name, read in (("one_relay", _at_runservice), ("two_relays", _at_gateway)):
        hops.executor.log(TASK, part, LINE)
        times = sorted(await _deliveries(hops, [read(hops, part)], lines))
        figures[f"line_{name}_p50_ms"] = round(statistics.median(times), 2)
        figures[f"line_{name}_p99_ms"] = round(times[len(times) * 99 // 100], 2)
    return figures


async def _crowd(hops: Hops, followers: int) -> dict[str, float]:
    part = LogPart(0)
    hops.executor.log(TASK, part, LINE)
    times = await _deliveries(hops, [_at_gateway(hops, part) for _ in range(followers)], 10)
    return {f"line_to_last_of_{followers}_followers_p50_ms": round(statistics.median(times), 2)}


async def _deliveries(hops: Hops, readers: list[Events], lines: int) -> list[float]:
    """Write *lines*, one after the other.  Gives the milliseconds until all readers had each."""
    log = hops.executor.logs[TASK, LogPart(0)]
    times = []
    async with AsyncExitStack() as stack:
        for reader in readers:
            await stack.enter_async_context(aclosing(reader))
        await asyncio.gather(*(anext(reader) for reader in readers))
        for _ in range(lines):
            await asyncio.sleep(LINE_INTERVAL_SECONDS)
            start = time.perf_counter()
            await log.write(LINE)
            await asyncio.gather(*(anext(reader) for reader in readers))
            times.append((time.perf_counter() - start) * 1000)
    return times


def _at_runservice(hops: Hops, part: LogPart) -> Events:
    return hops.runservice.stream_task_log(RUN, TASK, part, follow=True)


def _at_gateway(hops: Hops, part: LogPart) -> Events:
    return hops.gateway.stream_task_log(RUN, TaskRef(id=TASK), part, follow=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--megabytes", type=int, default=200)
    arguments = parser.parse_args()
    if not arguments.profile:
        print(json.dumps(asyncio.run(measure(megabytes=arguments.megabytes)), indent=2))
        return
    with cProfile.Profile() as profile:
        print(json.dumps(asyncio.run(measure(megabytes=arguments.megabytes)), indent=2))
    pstats.Stats(profile).sort_stats("tottime").print_stats(PROFILED_FUNCTIONS)


if __name__ == "__main__":
    main()
