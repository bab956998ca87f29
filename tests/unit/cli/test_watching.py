"""Runs and their logs are followed to the end, through breaks, and shown as they are."""

import argparse
import asyncio
import io
import json
import sys
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from rich.console import Console

from agola.cli import exits, logs
from agola.cli.connection import to
from agola.cli.credentials import Access
from agola.cli.following import Lines, started
from agola.cli.views.jsonlines import JsonView
from agola.cli.views.live import LiveView
from agola.cli.views.plain import PlainView
from agola.cli.views.port import View
from agola.cli.watch import watch
from agola.cli.watching import states
from agola.core.errors import UnavailableError
from agola.model.log import LogPart
from agola.model.run import Phase, Result, Run, StepPhase, StepState, Task, TaskStatus
from agola.model.run_config import RunID, TaskID
from agola.model.run_event import RunDifference, RunEnded, RunProgress, RunState
from tests.fakes.scripted_gateway import TOKEN, ScriptedGateway

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(seconds=65)
RUN = Run(
    id=RunID("r"),
    name="demo",
    group="/user/u",
    counter=7,
    create_time=START,
    start_time=START,
    phase=Phase.RUNNING,
)
FINISHED = structs.replace(RUN, phase=Phase.FINISHED, result=Result.SUCCESS, end_time=END)
FAILED = structs.replace(FINISHED, result=Result.FAILED)


def a_task(name: str, status: TaskStatus, *steps: StepPhase, level: int = 0) -> Task:
    known = {StepPhase.FAILED: 3, StepPhase.SUCCESS: 0}
    return Task(
        id=TaskID(name),
        name=name,
        level=level,
        status=status,
        setup=StepState(name="setup", kind="setup", phase=steps[0]),
        steps=tuple(
            StepState(name=f"step {number}", kind="run", phase=phase, exit_code=known.get(phase))
            for number, phase in enumerate(steps[1:])
        ),
        start_time=None if status is TaskStatus.NOT_STARTED else START,
        end_time=END if status.ended else None,
    )


NOT, RUNNING, OK, BAD = (
    StepPhase.NOT_STARTED,
    StepPhase.RUNNING,
    StepPhase.SUCCESS,
    StepPhase.FAILED,
)
WAITING = a_task("build", TaskStatus.NOT_STARTED, NOT, NOT)
BUILDING = a_task("build", TaskStatus.RUNNING, OK, RUNNING)
BUILT = a_task("build", TaskStatus.SUCCESS, OK, OK)
BROKEN = a_task("test", TaskStatus.FAILED, OK, BAD, level=1)


async def watched(gateway: ScriptedGateway, view: View, *, logs: bool) -> int:
    async with gateway.serving() as address, to(Access(address, TOKEN)) as connected:
        return await watch(connected, [RUN.id], view, logs=logs)


async def test_a_run_is_told_line_by_line_and_ends_with_its_result(
    capfd: pytest.CaptureFixture[str],
) -> None:
    gateway = ScriptedGateway(
        RunState(RUN, (WAITING,)),
        [
            RunState(RUN, (WAITING,)),
            RunDifference(None, (BUILDING,)),
            RunDifference(None, (BUILT,)),
            RunDifference(FINISHED, ()),
            RunEnded(),
        ],
    )
    assert await watched(gateway, PlainView(), logs=False) == exits.OK
    assert capfd.readouterr().out.splitlines() == [
        "run #7 demo: running",
        "build: running",
        "build: success after 1m 05s",
        "run #7 demo: success",
    ]


async def test_logs_are_whole_lines_behind_the_names_of_their_tasks_through_breaks(
    capfd: pytest.CaptureFixture[str],
) -> None:
    gateway = ScriptedGateway(
        RunState(RUN, (BUILDING,)),
        [RunState(RUN, (BUILDING,))],  # cut
        [RunState(FAILED, (BUILT, BROKEN)), RunEnded()],
    )
    gateway.logs = {
        (BUILT.id, LogPart()): b"set up\n",
        (BUILT.id, LogPart(0)): b"one\ntwo\nthree without an end",
        (BROKEN.id, LogPart(0)): b"\xff\n",  # that of its setup was lost
    }
    gateway.piece, gateway.cuts = 5, 4
    assert await watched(gateway, PlainView(), logs=True) == exits.FAILED
    out = capfd.readouterr().out.splitlines()
    assert [line for line in out if line.startswith("build | ")] == [
        "build | set up",
        "build | one",
        "build | two",
        "build | three without an end",
    ]
    assert out[-1] == "run #7 demo: failed"
    assert "test: failed after 1m 05s: step 0: exit code 3" in out


async def test_programs_get_one_object_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    gateway = ScriptedGateway(
        RunState(RUN, (BUILDING,)), [RunState(FINISHED, (BUILT,)), RunEnded()]
    )
    gateway.logs = {(BUILT.id, LogPart(0)): b"one\n"}
    assert await watched(gateway, JsonView(), logs=True) == exits.OK
    first, last = map(json.loads, capfd.readouterr().out.splitlines())
    assert first["log"] == {"run_id": "r", "task": "build", "step": 0, "line": "one"}
    assert last["run"]["result"] == "success"
    assert last["tasks"][0]["steps"][0]["exit_code"] == 0


async def test_a_terminal_sees_the_graph_and_what_running_tasks_say() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None)
    view = LiveView(console, scroll=False)
    waiting = a_task("a-long-name", TaskStatus.NOT_STARTED, NOT, NOT, level=1)
    with view:
        view.state(RunState(RUN, (BUILDING, waiting)))
        for line in (b"first", b"\x1b[31msecond\x1b[0m " + b"x" * 90, b"50%\r100%"):
            view.log(RUN, BUILDING, LogPart(0), line)
    with console.capture() as captured:
        console.print(view._drawn())
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert lines[0].startswith("run #7 demo  running")
    assert lines[1].split()[1:3] == ["build", "running"]
    assert lines[2].strip() == "first"
    assert lines[3].strip().startswith("second xxx")
    assert lines[4].strip() == "100%"
    assert lines[5] == "·     a-long-name  not started"


async def test_the_stream_of_a_run_is_taken_up_again_and_given_up_after_a_while() -> None:
    opened = 0

    async def cut() -> AsyncGenerator[RunProgress | None, None]:
        nonlocal opened
        opened += 1
        yield None

    with pytest.raises(UnavailableError) as raised:
        async for _ in states(cut, delays=(0, 0, 0)):
            pass
    assert raised.value.reason == "STREAM_CUT"
    assert opened == 4


async def test_silence_is_a_break() -> None:
    async def silent() -> AsyncGenerator[RunProgress | None, None]:
        await asyncio.Event().wait()
        yield None

    with pytest.raises(UnavailableError) as raised:
        async for _ in states(silent, delays=(), silence=0.01):
            pass
    assert raised.value.reason == "STREAM_SILENT"


def test_only_what_has_started_may_have_a_log() -> None:
    assert started(WAITING) == ()
    assert started(a_task("t", TaskStatus.RUNNING, OK, RUNNING, NOT)) == (LogPart(), LogPart(0))


@given(st.lists(st.binary(max_size=5) | st.just(b"\n"), max_size=12))
def test_lines_do_not_depend_on_how_their_bytes_come(pieces: list[bytes]) -> None:
    lines: list[bytes] = []
    cutter = Lines(lambda _task, _part, line: lines.append(line))
    for piece in pieces:
        if piece:
            cutter(BUILDING, LogPart(0), piece)
    cutter(BUILDING, LogPart(0), b"")
    whole = b"".join(pieces)
    expected = whole.split(b"\n")
    assert lines == (expected if expected[-1] else expected[:-1])


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"task": "build", "step": 0}, b"\x00raw\xff bytes"),
        ({"task": "build", "setup": True}, b"set up\n"),
        ({"task": "build"}, b"set up\n\x00raw\xff bytes"),
        ({"task": "build", "follow": True}, b"set up\n\x00raw\xff bytes"),
        ({}, b"set up\n\x00raw\xff bytes"),
    ],
)
async def test_logs_are_printed_as_the_bytes_that_they_are(
    wish: dict[str, object],
    expected: bytes,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    state = RunState(FINISHED, (BUILT, BROKEN))
    gateway = ScriptedGateway(state, [state, RunEnded()])
    gateway.logs = {
        (BUILT.id, LogPart()): b"set up\n",
        (BUILT.id, LogPart(0)): b"\x00raw\xff bytes",
    }
    gateway.piece, gateway.cuts = 3, 2
    defaults = {"task": None, "step": None, "setup": False, "follow": False}
    scope = {"run": "7", "user": None, "project": None}
    async with gateway.serving() as address:
        access = {"gateway_url": address, "token": TOKEN}
        args = argparse.Namespace(**{**defaults, **scope, **access, **wish})
        part = LogPart() if args.setup else None if args.step is None else LogPart(args.step)
        await logs._print(args, part)
        sys.stdout.flush()
    assert capfdbinary.readouterr().out == expected
