"""Where the time comes from, so that a test can say what time it is."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Say the wall-clock time, in UTC.  For records, never for measuring."""

    def monotonic(self) -> float:
        """Say the seconds since some moment.  Never goes back: for measuring and for deadlines."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
