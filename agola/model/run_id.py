"""Identifiers of runs: 26 characters that sort by creation."""

import secrets

from agola.core.clock import Clock
from agola.model.run_config import RunID

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, in lower case: it sorts as its numbers do."""
LENGTH = 26
RANDOM_BITS = 80


class RunIds:
    """Makes ids from the time and randomness, in the manner of ULIDs.

    Each is larger than those before it, also when the clock goes back: *after* is the largest of
    an earlier life.  One that was not made here (an import may bring such) sorts before all of
    ours: the first six characters of a foreign id have to be zeros.
    """

    def __init__(self, clock: Clock, *, after: str = "") -> None:
        self._clock = clock
        self._last = _number(after) if set(after) <= set(ALPHABET) else 0

    def next(self) -> RunID:
        milliseconds = int(self._clock.now().timestamp() * 1000)
        fresh = (milliseconds << RANDOM_BITS) | secrets.randbits(RANDOM_BITS - 1)
        self._last = fresh if fresh > self._last else self._last + 1
        return RunID(_text(self._last))


def _text(number: int) -> str:
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


def _number(text: str) -> int:
    number = 0
    for character in text:
        number = number * 32 + ALPHABET.index(character)
    return number
