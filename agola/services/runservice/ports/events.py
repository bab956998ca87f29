"""What happens to runs, in order."""

from collections.abc import AsyncGenerator
from typing import Protocol

from agola.model.run_event import RunEvent


class RunEvents(Protocol):
    """Every change of every run's phase or result."""

    def watch(self, *, after: int) -> AsyncGenerator[RunEvent, None]:
        """Tell what happens after a revision, without a gap; with 0, a snapshot first.

        OutOfRangeError: `REVISION_COMPACTED`, `REVISION_REGRESSED`.
        """
