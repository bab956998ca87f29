"""Inputs are what people may say who start a run by hand."""

import pytest

from agola.runconfig import Input, InputType
from agola.runconfig.inputs import environment_of, faults

INPUTS = (
    Input(name="target", type=InputType.CHOICE, choices=("staging", "live"), default="staging"),
    Input(name="dry-run", type=InputType.BOOLEAN, default="false"),
    Input(name="count", type=InputType.NUMBER, default="1"),
    Input(name="note", required=True),
)


def test_tasks_see_what_was_said_or_else_the_default() -> None:
    assert environment_of(INPUTS, {"target": "live", "note": "x; rm -rf /"}) == {
        "AGOLA_INPUT_TARGET": "live",
        "AGOLA_INPUT_DRY_RUN": "false",
        "AGOLA_INPUT_COUNT": "1",
        "AGOLA_INPUT_NOTE": "x; rm -rf /",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"note": "x"}, []),
        ({"note": "x", "dry-run": "true", "count": "-1.5", "target": "live"}, []),
        ({}, ['"note" must be given']),
        ({"note": "x", "notes": "y"}, ['"notes" is no input of this run']),
        ({"note": "x", "dry-run": "yes"}, ['"dry-run" must be true or false']),
        ({"note": "x", "count": "many"}, ['"count" must be a number']),
        ({"note": "x", "target": "prod"}, ['"target" must be one of staging, live']),
        ({"note": "x" * 10_001}, ['"note" must be a text of at most 10000 characters']),
    ],
)
def test_all_that_is_wrong_is_said(given: dict[str, str], said: list[str]) -> None:
    assert list(faults(INPUTS, given)) == said
