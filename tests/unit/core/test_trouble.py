"""Logs of trouble that lasts."""

import logging

import pytest

from agola.core.trouble import Trouble

logger = logging.getLogger(__name__)


def test_trouble_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble(logger, over="back again")
    with caplog.at_level(logging.INFO):
        trouble.end()
        for text in ("away", "away", "in maintenance", "in maintenance"):
            trouble.say(text)
        trouble.end()
        trouble.end()
        trouble.say("away")
    assert caplog.messages == ["away", "in maintenance", "back again", "away"]
