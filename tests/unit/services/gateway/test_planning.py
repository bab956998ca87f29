"""From a definition to the runs to make."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from agola.core.errors import BadRequestError
from agola.core.ids import RandomIds
from agola.model.direct_run import SkippedRun, SkipReason
from agola.model.run_config import RunConfig, RunStep
from agola.runconfig import parse
from agola.services.gateway.actions.planning import MAX_SETUP_ERRORS, Plan, plan
from tests.unit.services.gateway.test_events import event

TWO = b"""
runs:
  - name: build
    tasks:
      - name: compile
        environment: {LEVEL: {from_variable: level}, UNSET: {from_variable: nobody}}
        steps: [{clone: }, {run: make}]
      - name: test
        depends: [compile]
        when: {tag: /./}
        steps: [{run: make test}]
  - name: release
    when: {tag: '/^v/'}
    tasks: [{name: ship, steps: [{run: ship}]}]
"""

ASKING = b"""
runs:
  - name: build
    inputs:
      - {name: target, type: choice, choices: [staging, live]}
      - {name: dry-run, type: boolean}
    tasks: [{name: compile}]
  - name: check
    inputs: [{name: target}, {name: level, type: number, default: 1}]
    tasks: [{name: lint}]
  - name: release
    when: {tag: /./}
    inputs: [{name: note, required: true}]
    tasks: [{name: ship}]
"""


def planned(
    data: bytes,
    *,
    ref: str = "refs/heads/main",
    message: str = "Do it",
    inputs: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    parsed = parse(".agola/config.yml", data)
    wish = event(ref, message=message)
    return plan(parsed, wish, variables={"level": "2"}, inputs=inputs, ids=RandomIds())


def names(found: Plan) -> list[str]:
    return [config.name for config in found.configs]


def test_a_run_gets_its_tasks_and_all_that_the_event_says() -> None:
    (config,) = planned(TWO).configs
    wish = event()
    assert isinstance(config, RunConfig)
    assert (config.name, config.group) == ("build", wish.group)
    assert (config.annotations, config.static_environment) == (wish.annotations, wish.environment)
    assert (config.source, config.cache_group) == (wish.source, wish.cache_group)
    compile_, test = config.tasks.values()
    assert {task_id: task.id for task_id, task in config.tasks.items()} == {
        task_id: task_id for task_id in config.tasks
    }
    assert compile_.environment == {"LEVEL": "2", "UNSET": ""}
    assert isinstance(compile_.steps[1], RunStep)
    assert [depend.task_id for depend in test.depends] == [compile_.id]
    assert (test.level, test.skip) == (1, True)


@pytest.mark.parametrize(
    ("ref", "made", "skipped"),
    [
        ("refs/heads/main", ["build"], ["release"]),
        ("refs/tags/v1", ["build", "release"], []),
        ("refs/tags/1", ["build"], ["release"]),
    ],
)
def test_when_decides_about_each_run(ref: str, made: list[str], skipped: list[str]) -> None:
    found = planned(TWO, ref=ref)
    assert names(found) == made
    assert found.skipped == tuple(SkippedRun(name, SkipReason.WHEN) for name in skipped)


@pytest.mark.parametrize("message", ["[ci skip] no", "No\n\nnot now [skip ci]"])
def test_the_message_of_the_commit_may_ask_for_no_run(message: str) -> None:
    found = planned(TWO, message=message)
    assert found.configs == ()
    assert {skipped.reason for skipped in found.skipped} == {SkipReason.COMMIT_MESSAGE}


@pytest.mark.parametrize("message", ["Do it", "[ci skip]"])
def test_a_definition_with_errors_makes_one_run_that_shows_them(message: str) -> None:
    (config,) = planned(b"runs: [{tasks: []}]", message=message).configs
    assert (config.name, config.tasks, config.source) == ("Setup Error", {}, None)
    (error,) = config.setup_errors
    assert error.startswith(".agola/config.yml:1:8: runs[0]")
    assert config.group == event().group


def test_of_very_many_errors_the_first_are_shown() -> None:
    data = "runs:\n" + "  - {tasks: []}\n" * 200
    (config,) = planned(data.encode()).configs
    assert len(config.setup_errors) == MAX_SETUP_ERRORS + 1
    assert config.setup_errors[-1] == ".agola/config.yml: and 150 more errors"


def test_each_run_gets_the_inputs_that_it_declares() -> None:
    found = planned(ASKING, inputs={"target": "live", "level": "2.5"})
    assert [task.environment for config in found.configs for task in config.tasks.values()] == [
        {"AGOLA_INPUT_TARGET": "live", "AGOLA_INPUT_DRY_RUN": "false"},
        {"AGOLA_INPUT_TARGET": "live", "AGOLA_INPUT_LEVEL": "2.5"},
    ]


@pytest.mark.parametrize(
    ("inputs", "ref", "reason", "said"),
    [
        (
            {"tagret": "live"},
            "refs/heads/main",
            "INPUT_UNKNOWN",
            'no run that is made has an input "tagret", did you mean "target"?',
        ),
        (
            {"note": "x"},
            "refs/heads/main",
            "INPUT_UNKNOWN",
            'no run that is made has an input "note"',
        ),
        (
            {"target": "prod", "dry-run": "yes"},
            "refs/heads/main",
            "INPUT_INVALID",
            (
                'the inputs of run "build" do not fit: '
                '"target" must be one of staging, live, "dry-run" must be true or false'
            ),
        ),
        (
            {"level": "many"},
            "refs/heads/main",
            "INPUT_INVALID",
            'the inputs of run "check" do not fit: "level" must be a number',
        ),
        (
            {},
            "refs/tags/v1",
            "INPUT_INVALID",
            'the inputs of run "release" do not fit: "note" must be given',
        ),
    ],
)
def test_inputs_that_do_not_fit_the_runs_to_make_are_refused(
    inputs: dict[str, str], ref: str, reason: str, said: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        planned(ASKING, ref=ref, inputs=inputs)
    assert (caught.value.reason, caught.value.message) == (reason, said)


@pytest.mark.parametrize(("data", "made"), [(ASKING, 0), (b"runs: 7", 1)])
def test_where_no_task_will_run_nothing_is_asked_for(data: bytes, made: int) -> None:
    assert len(planned(data, message="[ci skip]", inputs={"who": "knows"}).configs) == made
