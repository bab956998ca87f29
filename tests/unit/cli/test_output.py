"""What is printed, for people and for programs."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from agola.cli.output import clean, plain, print_table, span
from agola.model.run import Run
from agola.model.run_config import RunID, TaskConfig, TaskID
from agola.model.user import IssuedToken, User, UserID, UserToken, UserTokenID


def test_json_has_every_field_a_reader_may_want_and_no_internal_one() -> None:
    run = Run(
        id=RunID("r"),
        name="n",
        group="/user/u",
        counter=3,
        create_time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    said = plain(run)
    assert said["phase"] == "queued"
    assert said["create_time"] == "2026-01-02T03:04:05Z"
    assert said["end_time"] is None
    assert not {"format", "request_id"} & set(said)
    json.dumps(said)


def test_durations_are_seconds_and_dataclasses_are_objects() -> None:
    task = TaskConfig(id=TaskID("t"), name="n", timeout=timedelta(seconds=90))
    assert plain(task)["timeout"] == 90
    token = UserToken(id=UserTokenID("i"), user_id=UserID("u"), name="n", digest="d")
    assert plain(IssuedToken(token, "v"))["value"] == "v"
    assert "digest" not in plain(token)
    assert plain({"users": (User(id=UserID("i"), name="n"),)})["users"][0]["admin"] is False


def test_a_table_has_columns_as_wide_as_needed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "X"), [("a", "1"), ("longer", "")])
    assert capsys.readouterr().out == "NAME    X\na       1\nlonger\n"


def test_what_a_terminal_would_obey_is_taken_out() -> None:
    assert clean("a\x1b[31mb\nc\x9b") == "a [31mb c "


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0s"), (9.94, "9.9s"), (59, "59s"), (61, "1m 01s"), (3700, "1h 01m"), (90000, "1d 01h")],
)
def test_a_span_has_at_most_two_units(seconds: float, said: str) -> None:
    assert span(seconds) == said
