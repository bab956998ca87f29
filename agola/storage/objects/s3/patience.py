"""How long a server that fails is asked again."""

from agola.core.clock import Clock

FORGET_AFTER = 4
"""So many times our patience without a failure, and what failed before is another story."""


class Patience:
    """What all requests to a server learn together of its state."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._first_failure: float | None = None
        self._last_failure = 0.0

    def answered(self) -> None:
        """Note that the server does its work."""
        self._first_failure = None

    def failed(self) -> bool:
        """Note that it does not.  Gives whether it may be asked again.

        It may until it has been failing for longer than our patience: who comes later in an outage
        has one try, and need not wait to hear of it.
        """
        now = self._clock.monotonic()
        stale = now - self._last_failure > FORGET_AFTER * self._seconds
        if self._first_failure is None or stale:
            self._first_failure = now
        self._last_failure = now
        return now - self._first_failure < self._seconds
