"""Following a run until it has ended, through every break of the connection that passes."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TypeAlias

from agola.core.errors import UnavailableError
from agola.model.run import ordered
from agola.model.run_event import RunDifference, RunEnded, RunProgress, RunState
from agola.rpc.resume import DELAYS_SECONDS, SILENCE_SECONDS

Open: TypeAlias = Callable[[], AsyncGenerator[RunProgress | None, None]]
"""Starts the stream of a run: how it is, what changes, its end; None is a heartbeat."""


async def states(
    open_stream: Open,
    *,
    delays: Sequence[float] = DELAYS_SECONDS,
    silence: float = SILENCE_SECONDS,
) -> AsyncGenerator[RunState, None]:
    """Yield the whole run again whenever something changed, until it has ended.

    A stream that is cut, silent or unavailable is opened again after the next of *delays*, which
    start over with the first answer.  UnavailableError: the last one, when they are used up.
    """
    failures = 0
    state: RunState | None = None
    while True:
        try:
            async with aclosing(open_stream()) as events:
                while not isinstance(event := await _next(events, silence), RunEnded):
                    if event is None:
                        continue
                    failures = 0
                    state = _after(state, event)
                    yield state
                return
        except UnavailableError:
            if failures == len(delays):
                raise
        await asyncio.sleep(delays[failures] * random.uniform(0.5, 1))  # noqa: S311  jitter
        failures += 1


async def _next(
    events: AsyncGenerator[RunProgress | None, None], silence: float
) -> RunProgress | None:
    try:
        async with asyncio.timeout(silence):
            return await anext(events)
    except StopAsyncIteration:
        raise UnavailableError("the stream was cut", reason="STREAM_CUT") from None
    except TimeoutError as error:
        message = f"nothing was heard for {silence:g} seconds"
        raise UnavailableError(message, reason="STREAM_SILENT", seconds=f"{silence:g}") from error


def _after(state: RunState | None, event: RunState | RunDifference) -> RunState:
    """Give the run as it is after *event*."""
    if isinstance(event, RunState):
        return event
    if state is None:
        raise UnavailableError("the stream began in the middle", reason="STREAM_CUT")
    tasks = {task.id: task for task in state.tasks}
    tasks.update((task.id, task) for task in event.tasks)
    return RunState(event.run or state.run, ordered(tasks))
