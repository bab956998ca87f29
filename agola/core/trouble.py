"""Trouble that is tried again and again is told once, and once that it is over."""

import logging

from agola.core.errors import AgolaError, Kind

NAMED = 3
"""How many of those that waited are named at the end."""


class Trouble:
    """What is wrong at present, as far as the log knows."""

    def __init__(self, logger: logging.Logger, *, over: str) -> None:
        """*over* is what to say at its end."""
        self._logger = logger
        self._over = over
        self._said = ""

    def say(self, text: str, *, level: int = logging.WARNING) -> None:
        """Tell what is wrong, unless it is what was told last."""
        if text != self._said:
            self._logger.log(level, "%s", text)
        self._said = text

    def end(self) -> None:
        """Tell that it is over, if anything was wrong."""
        if self._said:
            self._logger.info("%s", self._over)
        self._said = ""


class SharedTrouble:
    """Trouble that keeps many waiting: each kind is told once, with the first whom it meets."""

    def __init__(self, logger: logging.Logger, *, over: str) -> None:
        """*over* is what to say of all of them when nobody waits any more."""
        self._logger = logger
        self._over = over
        self._told: set[str] = set()
        self._waiting: set[str] = set()
        self._met: dict[str, None] = {}

    def meet(self, who: str, error: AgolaError) -> None:
        """Note that *who* has to wait, and will try again."""
        root = _root(error)
        level = logging.DEBUG if root.reason in self._told else level_of(root)
        self._logger.log(level, "%s has to wait, and others may: %s", who, root.message)
        self._told.add(root.reason)
        self._waiting.add(who)
        self._met[who] = None

    def leave(self, who: str) -> None:
        """Note that *who* waits no more.  With the last one it is over."""
        self._waiting.discard(who)
        if self._waiting or not self._told:
            return
        named, more = list(self._met)[:NAMED], len(self._met) - NAMED
        others = f" and {more} more" if more > 0 else ""
        self._logger.info("%s: %s%s", self._over, ", ".join(named), others)
        self._told.clear()
        self._met.clear()


def level_of(error: AgolaError) -> int:
    """Say how loud to tell an error: one that no time heals needs a human being."""
    return logging.ERROR if error.kind is Kind.INTERNAL else logging.WARNING


def _root(error: AgolaError) -> AgolaError:
    """Find what it is all about: the same outage has another name wherever it is met."""
    while isinstance(error.__cause__, AgolaError):
        error = error.__cause__
    return error
