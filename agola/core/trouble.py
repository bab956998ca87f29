"""Trouble that is tried again and again is told once, and once that it is over."""

import logging


class Trouble:
    """What is wrong at present, as far as the log knows."""

    def __init__(self, logger: logging.Logger, *, over: str) -> None:
        """*over* is what to say at its end."""
        self._logger = logger
        self._over = over
        self._said = ""

    def say(self, text: str) -> None:
        """Tell what is wrong, unless it is what was told last."""
        if text != self._said:
            self._logger.warning("%s", text)
        self._said = text

    def end(self) -> None:
        """Tell that it is over, if anything was wrong."""
        if self._said:
            self._logger.info("%s", self._over)
        self._said = ""
