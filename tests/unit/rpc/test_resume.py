"""agola.rpc.resume."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeAlias

import pytest

from agola.core.errors import InternalError, NotExistError, UnavailableError
from agola.model.log import LogChunk, LogEnd, LogEvent
from agola.rpc.resume import resuming

NO_DELAYS = (0.0, 0.0, 0.0)


def cut() -> UnavailableError:
    return UnavailableError("cut", reason="UNREACHABLE")


Step: TypeAlias = LogEvent | Exception | None


class Scripted:
    """Streams that do what a script says: one list of events or errors per opening."""

    def __init__(self, *scripts: list[Step]) -> None:
        self.scripts = list(scripts)
        self.offsets: list[int] = []

    async def open_at(self, offset: int) -> AsyncGenerator[LogEvent | None, None]:
        self.offsets.append(offset)
        for step in self.scripts.pop(0):
            if isinstance(step, Exception):
                raise step
            yield step


async def read(script: Scripted, offset: int = 0) -> list[LogEvent]:
    events: AsyncGenerator[LogEvent, None] = resuming(script.open_at, offset, delays=NO_DELAYS)
    return [event async for event in events]


async def test_a_break_is_resumed_behind_the_last_byte() -> None:
    script = Scripted([LogChunk(3, b"ab"), cut()], [LogChunk(5, b"c"), LogEnd(6)])
    assert await read(script, 3) == [LogChunk(3, b"ab"), LogChunk(5, b"c"), LogEnd(6)]
    assert script.offsets == [3, 5]


async def test_a_stream_that_closes_without_an_end_is_resumed() -> None:
    script = Scripted([LogChunk(0, b"a")], [LogEnd(1)])
    assert await read(script) == [LogChunk(0, b"a"), LogEnd(1)]


async def test_heartbeats_are_kept_back() -> None:
    assert await read(Scripted([None, LogChunk(0, b"a"), None, LogEnd(1)])) == [
        LogChunk(0, b"a"),
        LogEnd(1),
    ]


async def test_after_too_many_breaks_in_a_row_the_last_one_is_raised() -> None:
    failures: list[list[Step]] = [[cut()] for _ in NO_DELAYS]
    script = Scripted([LogChunk(0, b"a"), cut()], *failures)
    with pytest.raises(UnavailableError) as caught:
        await read(script)
    assert caught.value.reason == "UNREACHABLE"
    assert len(script.offsets) == 1 + len(NO_DELAYS)


async def test_bytes_between_breaks_start_the_count_over() -> None:
    breaks: list[list[Step]] = [[LogChunk(at, b"x"), cut()] for at in range(20)]
    script = Scripted(*breaks, [LogEnd(20)])
    assert len(await read(script)) == 21


async def test_what_is_endured_is_waited_for_as_long_as_it_takes() -> None:
    closed: list[list[Step]] = [[UnavailableError("closed", reason="MAINTENANCE")]] * 20
    breaks: list[list[Step]] = [[cut()] for _ in NO_DELAYS]
    script = Scripted(*breaks, *closed, *breaks, [LogEnd(0)])
    events: AsyncGenerator[LogEvent, None] = resuming(
        script.open_at, 0, delays=NO_DELAYS, endured={"MAINTENANCE"}
    )
    assert [event async for event in events] == [LogEnd(0)]


async def test_any_other_error_is_raised_at_once() -> None:
    script = Scripted([NotExistError("gone", reason="LOG_DOES_NOT_EXIST")])
    with pytest.raises(NotExistError, match="gone"):
        await read(script)


@pytest.mark.parametrize("event", [LogChunk(1, b"b"), LogEnd(7)])
async def test_bytes_from_another_place_are_never_passed_on(event: LogEvent) -> None:
    with pytest.raises(InternalError) as caught:
        await read(Scripted([event]))
    assert caught.value.reason == "STREAM_OUT_OF_PLACE"


async def test_a_silent_stream_counts_as_cut() -> None:
    async def silent(offset: int) -> AsyncGenerator[LogEvent | None, None]:
        yield LogChunk(offset, b"a")
        await asyncio.Event().wait()

    events: AsyncGenerator[LogEvent, None] = resuming(silent, 0, delays=(), silence=0.01)
    async with aclosing(events):
        await anext(events)
        with pytest.raises(UnavailableError) as caught:
            await anext(events)
    assert caught.value.reason == "STREAM_SILENT"
