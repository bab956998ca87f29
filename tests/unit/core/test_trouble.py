"""Logs of trouble that lasts."""

import logging

import pytest

from agola.core.errors import InternalError, UnavailableError
from agola.core.trouble import SharedTrouble, Trouble

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


def test_trouble_of_many_is_told_once_a_kind_and_its_end_names_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = UnavailableError("the storage is away", reason="STORAGE_AWAY")
    damaged = InternalError("the storage is damaged", reason="STORAGE_DAMAGED")
    failed = InternalError("reading failed", reason="READING_FAILED")
    failed.__cause__ = away
    trouble = SharedTrouble(logger, over="stored after all")
    with caplog.at_level(logging.INFO):
        trouble.leave("log 0")
        for number in (1, 2, 1, 3, 2, 4, 5):
            trouble.meet(f"log {number}", away)
        trouble.meet("log 2", failed)
        trouble.meet("log 1", damaged)
        for number in (1, 2, 3, 4):
            trouble.leave(f"log {number}")
        assert len(caplog.messages) == 2
        trouble.leave("log 5")
        trouble.meet("log 6", away)
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        ("WARNING", "log 1 has to wait, and others may: the storage is away"),
        ("ERROR", "log 1 has to wait, and others may: the storage is damaged"),
        ("INFO", "stored after all: log 1, log 2, log 3 and 2 more"),
        ("WARNING", "log 6 has to wait, and others may: the storage is away"),
    ]
