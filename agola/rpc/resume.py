"""Streams of placed bytes that go on after a break."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from typing import TypeAlias, TypeVar, assert_never

from agola.core.errors import InternalError, UnavailableError
from agola.model.archive import ArchiveChunk, ArchiveEnd, ArchiveEvent
from agola.model.log import LogChunk, LogEnd, LogEvent

Event = TypeVar("Event", bound=LogEvent | ArchiveEvent)
Open: TypeAlias = Callable[[int], AsyncGenerator[Event | None, None]]
"""Starts a stream at an offset.  It ends with an end, or was cut; None is a heartbeat."""

DELAYS_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0)
"""How long to wait before each attempt that follows one which brought nothing: 11 s in all."""

SILENCE_SECONDS = 45.0
"""Three heartbeats missed: whoever sends is gone, whatever the connection says."""


async def resuming(
    open_at: Open[Event],
    offset: int,
    *,
    delays: Sequence[float] = DELAYS_SECONDS,
    silence: float = SILENCE_SECONDS,
    endured: Collection[str] = (),
) -> AsyncGenerator[Event, None]:
    """Stream from *offset* to the end, without gap or repeat, through every break that passes.

    A stream that is cut, silent for *silence* seconds or fails with UnavailableError is opened
    again behind the last byte, after the next of *delays*; bytes start the delays over.  When these
    are used up, the UnavailableError is raised: `STREAM_CUT`, `STREAM_SILENT`, or the sender's own.
    One with a reason that is *endured* never is: after it the last of *delays* is waited, then they
    start over.  Any other error is raised at once.  InternalError: `STREAM_OUT_OF_PLACE` when bytes
    come from another place than the one asked for.
    """
    position, failures = offset, 0
    while True:
        try:
            async with aclosing(open_at(position)) as events:
                while True:
                    event = await _next(events, silence)
                    if event is None:
                        continue
                    position = _placed(event, position)
                    failures = 0
                    yield event
                    if isinstance(event, LogEnd | ArchiveEnd):
                        return
        except UnavailableError as error:
            if error.reason in endured:
                failures = -1  # the last delay, then the first again
            elif failures == len(delays):
                raise
        await asyncio.sleep(delays[failures] * random.uniform(0.5, 1))  # noqa: S311  jitter
        failures += 1


async def _next(events: AsyncGenerator[Event | None, None], silence: float) -> Event | None:
    try:
        async with asyncio.timeout(silence):
            return await anext(events)
    except StopAsyncIteration:
        raise UnavailableError("the stream was cut", reason="STREAM_CUT") from None
    except TimeoutError as error:
        seconds = f"{silence:g}"
        message = f"nothing was heard for {seconds} seconds"
        raise UnavailableError(message, reason="STREAM_SILENT", seconds=seconds) from error


def _placed(event: LogEvent | ArchiveEvent, position: int) -> int:
    """Check that *event* belongs at *position*, and say where the next one does."""
    match event:
        case LogChunk(offset, data) | ArchiveChunk(offset, data):
            place, size = offset, len(data)
        case LogEnd(end) | ArchiveEnd(end):
            place, size = end, 0
        case _:
            assert_never(event)
    if place != position:
        message = f"the stream went on at {place} instead of {position}"
        raise InternalError(
            message, reason="STREAM_OUT_OF_PLACE", place=str(place), position=str(position)
        )
    return position + size
