"""Measure an installation from outside, and print the figures as JSON.

    .venv/bin/python -m tools.bench [SECTION...]

Everything runs on this machine and shares it: the server (one process), git, this client.  Seconds,
milliseconds and megabytes (10^6 bytes) are in the names of the figures.
"""

import asyncio
import base64
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from agola.core.ids import RandomIds
from agola.rpc.channel import dial
from agola.runconfig import compile_run, context_of, parse
from generated.agola.common.v1 import log_pb2
from generated.agola.gateway.v1 import direct_run_service_pb2 as direct_pb
from generated.agola.gateway.v1 import log_service_pb2 as log_service_pb
from generated.agola.gateway.v1 import run_pb2
from generated.agola.gateway.v1 import run_service_pb2 as run_service_pb
from generated.agola.gateway.v1.direct_run_service_pb2_grpc import DirectRunServiceStub
from generated.agola.gateway.v1.log_service_pb2_grpc import LogServiceStub
from generated.agola.gateway.v1.run_service_pb2_grpc import RunServiceStub
from tests.testbed.installation import Installation, git, installation, repository

TRIVIAL = """
runs:
  - name: trivial
    tasks:
      - name: task
        runtime: {containers: [{image: none}]}
        steps:
          - run: {name: hello, command: echo hello, tty: false}
"""

BIG_LOG_BYTES = 200_000_000
LINES = 200
LINE_INTERVAL_SECONDS = 0.02
IDLE_SECONDS = 15
DEFINED_TASKS = 1000


@dataclass(frozen=True)
class Bench:
    """An installation to measure, and a way in."""

    server: Installation
    channel: grpc.aio.Channel
    directory: Path

    def push(self, definition: str) -> "Pushed":
        """Push a repository with *definition*, by plain git."""
        name = str(uuid.uuid4())
        path = repository(self.directory / name, definition)
        return Pushed(self, name, git("rev-parse", "HEAD", cwd=path).strip(), path)


@dataclass(frozen=True)
class Pushed:
    """A repository that runs can be made of."""

    bench: Bench
    name: str
    commit: str
    path: Path

    async def ready(self) -> "Pushed":
        stub = DirectRunServiceStub(self.bench.channel)
        where = await stub.PrepareDirectRun(
            direct_pb.PrepareDirectRunRequest(repository_uuid=self.name)
        )
        login = f"{where.push_username}:{self.bench.server.token}"
        header = f"Authorization: Basic {base64.b64encode(login.encode()).decode()}"
        await asyncio.to_thread(
            git,
            *("-c", f"http.extraHeader={header}", "push", "--quiet", where.push_url),
            "HEAD:refs/heads/main",
            cwd=self.path,
        )
        return self

    async def run(self) -> str:
        """Make the run, and give its id."""
        stub = DirectRunServiceStub(self.bench.channel)
        made = await stub.CreateDirectRun(
            direct_pb.CreateDirectRunRequest(
                repository_uuid=self.name, ref="refs/heads/main", commit_sha=self.commit
            ),
            timeout=60,
        )
        return made.runs[0].id


async def log_bytes(
    bench: Bench, run_id: str, *, offset: int = 0
) -> AsyncGenerator[tuple[int, bytes], None]:
    """Follow the log of the first step of the task called `task`."""
    call = LogServiceStub(bench.channel).StreamTaskLog(
        log_service_pb.StreamTaskLogRequest(
            run=run_pb2.RunRef(run_id=run_id),
            task=run_pb2.TaskRef(name="task"),
            part=log_pb2.LogPart(step=0),
            offset=offset,
            follow=True,
        )
    )
    async for message in call:
        if message.event.HasField("chunk"):
            yield message.event.chunk.offset, message.event.chunk.data
        elif message.event.HasField("end"):
            return
    raise AssertionError("the log was cut")


async def finished(bench: Bench, run_id: str) -> run_pb2.Run:
    """Wait for the end of a run."""
    call = RunServiceStub(bench.channel).WatchRun(
        run_service_pb.WatchRunRequest(run=run_pb2.RunRef(run_id=run_id))
    )
    run = run_pb2.Run()
    async for message in call:
        kind = message.WhichOneof("event")
        if kind == "end":
            break
        if kind in {"snapshot", "change"} and getattr(message, kind).HasField("run"):
            run = getattr(message, kind).run
    return run


async def must_succeed(bench: Bench, run_id: str) -> None:
    run = await finished(bench, run_id)
    assert run.result == run_pb2.Run.RESULT_SUCCESS, run


def quantiles(values: list[float], name: str) -> dict[str, float]:
    ordered = sorted(values)
    return {
        f"{name}_p50": round(statistics.median(ordered), 2),
        f"{name}_p95": round(ordered[int(len(ordered) * 0.95)], 2),
        f"{name}_min": round(ordered[0], 2),
    }


async def latency(bench: Bench) -> dict[str, float]:
    """Trivial runs, one after another: creation to first log byte, and to the end."""
    pushed = await bench.push(TRIVIAL).ready()
    first: list[float] = []
    whole: list[float] = []
    for _ in range(40):
        start = time.perf_counter()
        run_id = await pushed.run()
        async with aclosing(log_bytes(bench, run_id)) as log:
            await anext(log)
            first.append((time.perf_counter() - start) * 1000)
        await must_succeed(bench, run_id)
        whole.append((time.perf_counter() - start) * 1000)
    return quantiles(first[5:], "create_to_first_byte_ms") | quantiles(
        whole[5:], "create_to_finished_ms"
    )


async def throughput(bench: Bench) -> dict[str, float]:
    """Trivial runs: twenty at once, and as many as go through."""
    many = [bench.push(TRIVIAL) for _ in range(20)]
    for pushed in many:
        await pushed.ready()
    start = time.perf_counter()
    ids = await asyncio.gather(*(pushed.run() for pushed in many))
    await asyncio.gather(*(must_succeed(bench, run_id) for run_id in ids))
    at_once = time.perf_counter() - start

    async def one_after_another(pushed: Pushed) -> None:
        for _ in range(10):
            await must_succeed(bench, await pushed.run())

    start = time.perf_counter()
    await asyncio.gather(*(one_after_another(pushed) for pushed in many[:8]))
    return {
        "twenty_runs_at_once_seconds": round(at_once, 2),
        "runs_per_second": round(80 / (time.perf_counter() - start), 1),
    }


async def big_log(bench: Bench) -> dict[str, float]:
    """One log of 200 MB: followed from its start and from its middle, then read when stored."""
    blob = bench.directory / "blob"
    block = base64.b64encode(os.urandom(3_000_000)) + b"\n"
    blob.write_bytes((block * (BIG_LOG_BYTES // len(block) + 1))[:BIG_LOG_BYTES])
    expected = hashlib.sha256(blob.read_bytes()).hexdigest()
    definition = TRIVIAL.replace("echo hello", f"cat {blob}")
    pushed = await bench.push(definition).ready()

    async def read(run_id: str, offset: int) -> tuple[float, str]:
        digest, start, position = hashlib.sha256(), time.perf_counter(), offset
        async with aclosing(log_bytes(bench, run_id, offset=offset)) as log:
            async for at, data in log:
                assert at == position
                position += len(data)
                digest.update(data)
        assert position == BIG_LOG_BYTES, position
        return (BIG_LOG_BYTES - offset) / (time.perf_counter() - start) / 1e6, digest.hexdigest()

    async def resume(run_id: str) -> float:
        """Read to the middle, leave, come back there, and read to the end."""
        async with aclosing(log_bytes(bench, run_id)) as log:
            async for at, data in log:
                if at + len(data) >= BIG_LOG_BYTES // 2:
                    break
        rate, digest = await read(run_id, BIG_LOG_BYTES // 2)
        assert digest == hashlib.sha256(blob.read_bytes()[BIG_LOG_BYTES // 2 :]).hexdigest()
        return rate

    run_id = await pushed.run()
    (live, digest), _ = await asyncio.gather(read(run_id, 0), resume(run_id))
    assert digest == expected
    await must_succeed(bench, run_id)
    stored, digest = await read(run_id, 0)
    assert digest == expected
    return {
        "log_live_two_readers_mb_per_second": round(live, 1),
        "log_stored_mb_per_second": round(stored, 1),
    }


async def line_latency(bench: Bench) -> dict[str, float]:
    """Time lines from being written to being read by a follower."""
    script = (
        "import sys,time\n"
        f"for _ in range({LINES}):\n"
        "    print(time.time_ns(), flush=True)\n"
        f"    time.sleep({LINE_INTERVAL_SECONDS})\n"
    )
    program = bench.directory / "lines.py"
    program.write_text(script)
    pushed = await bench.push(TRIVIAL.replace("echo hello", f"{sys.executable} {program}")).ready()
    run_id = await pushed.run()
    late: list[float] = []
    async with aclosing(log_bytes(bench, run_id)) as log:
        async for _, data in log:
            now = time.time_ns()
            late += [(now - int(line)) / 1e6 for line in data.split()]
    await must_succeed(bench, run_id)
    return quantiles(late[10:], "line_to_follower_ms")


async def idle(bench: Bench) -> dict[str, float]:
    """Watch a server that has nothing to do."""
    await asyncio.sleep(2)
    before = cpu_seconds(bench)
    await asyncio.sleep(IDLE_SECONDS)
    used = cpu_seconds(bench) - before
    return {
        "idle_cpu_percent": round(used / IDLE_SECONDS * 100, 2),
        "rss_mb": round(resident_bytes(bench) / 1e6, 1),
    }


def cpu_seconds(bench: Bench) -> float:
    fields = proc(bench, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(bench: Bench) -> int:
    return int(proc(bench, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def proc(bench: Bench, name: str) -> str:
    assert bench.server.process is not None
    return Path(f"/proc/{bench.server.process.pid}/{name}").read_text()


async def start_up(bench: Bench) -> dict[str, float]:
    """Time `agola --help`, as a process."""
    times = []
    for _ in range(10):
        start = time.perf_counter()
        bench.server.agola("--help")
        times.append((time.perf_counter() - start) * 1000)
    return quantiles(times, "help_ms")


async def definition(_bench: Bench) -> dict[str, float]:
    """Read and compile a definition of a thousand tasks, in processor time of this process."""
    data = many_tasks(DEFINED_TASKS).encode()
    context = context_of("refs/heads/main")
    assert context
    times = []
    for _ in range(7):
        start = time.process_time()
        parsed = parse("config.yml", data)
        assert parsed.definition, parsed.errors
        [run] = parsed.definition.runs
        assert (
            len(compile_run(run, ids=RandomIds(), variables={}, context=context)) == DEFINED_TASKS
        )
        times.append((time.process_time() - start) * 1000)
    return quantiles(times, "config_1000_tasks_ms")


def many_tasks(count: int) -> str:
    tasks = "".join(
        f"""
      - name: task-{number}
        runtime: {{arch: amd64, containers: [{{image: "python:3.12"}}]}}
        environment: {{LEVEL: 2, TOKEN: {{from_variable: api-token}}}}
        when: {{branch: [main, '#^release/#']}}
        depends: [{f"task-{number - 1}" if number % 10 else ""}]
        steps:
          - clone:
          - run: make test-{number}
"""
        for number in range(count)
    )
    return f"runs:\n  - name: many\n    tasks:{tasks}"


SECTIONS: dict[str, Callable[[Bench], Awaitable[dict[str, Any]]]] = {
    "latency": latency,
    "throughput": throughput,
    "line_latency": line_latency,
    "big_log": big_log,
    "idle": idle,
    "start_up": start_up,
    "definition": definition,
}


@asynccontextmanager
async def benched() -> AsyncGenerator[Bench, None]:
    with tempfile.TemporaryDirectory() as name, installation(Path(name)) as server:
        async with dial(server.listen, token=server.token) as channel:
            yield Bench(server, channel, Path(name))


async def measure(sections: list[str]) -> dict[str, Any]:
    figures: dict[str, Any] = {"commit": commit()}
    async with benched() as bench:
        for name in sections:
            figures |= await SECTIONS[name](bench)
    return figures


def commit() -> str:
    shown = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1:] or list(SECTIONS))), indent=2))
