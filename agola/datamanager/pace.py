"""Long work in small slices: everything of a process runs in one event loop."""

import asyncio
from time import perf_counter

SLICE_SECONDS = 0.0005


class Pace:
    """Work that goes on for long lets the event loop run every half millisecond."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def breathe(self) -> None:
        """Let others run, if it is time to.  Costs nothing otherwise."""
        if perf_counter() - self._since > SLICE_SECONDS:
            await asyncio.sleep(0)
            self._since = perf_counter()
