"""A pushed commit becomes runs, over the public API."""

from uuid import uuid4

import pytest

from agola.core.errors import BadRequestError, ForbiddenError, NotExistError
from agola.model.direct_run import DirectRun, PushTarget, SkippedRun, SkipReason
from agola.model.run import Phase
from tests.unit.services.gateway.caller import Caller
from tests.unit.services.gateway.house import House
from tests.unit.services.gateway.repositories import SHA
from tests.unit.services.gateway.users import ALICE

TREE = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
YML, YAML, JSON = ".agola/config.yml", ".agola/config.yaml", ".agola/config.json"
DEFINITION = b"""
runs:
  - name: build
    tasks:
      - name: compile
        environment: {LEVEL: {from_variable: level}}
        steps: [{clone: }, {run: make}]
  - name: check
    tasks: [{name: lint, steps: [{run: lint}]}]
  - name: release
    when: {tag: /./}
    tasks: [{name: ship, steps: [{run: ship}]}]
"""

ASKING = b"""
runs:
  - {name: first, tasks: [{name: a}]}
  - name: second
    inputs: [{name: count, type: number, required: true}]
    tasks: [{name: b}]
"""


def wish(**changes: object) -> DirectRun:
    fields: dict[str, object] = {
        "repository_uuid": TREE,
        "ref": "refs/heads/main",
        "commit_sha": SHA,
        "variables": {"level": "2"},
    }
    return DirectRun(**{**fields, **changes})  # type: ignore[arg-type]  # as a caller may


@pytest.fixture
def defined(house: House) -> House:
    house.repositories.files[YML] = DEFINITION
    return house


async def test_a_caller_is_told_where_to_push(calling: Caller) -> None:
    target = await (await calling("alice")).direct_runs.prepare_direct_run(TREE)
    assert target == PushTarget(f"http://push.example:8001/{ALICE.id}/{TREE}.git", "alice")


async def test_a_pushed_definition_becomes_runs(defined: House, calling: Caller) -> None:
    created = await (await calling("alice")).direct_runs.create_direct_run(wish())
    assert [(run.name, run.counter, run.phase) for run in created.runs] == [
        ("build", 1, Phase.QUEUED),
        ("check", 2, Phase.QUEUED),
    ]
    assert created.skipped == (SkippedRun("release", SkipReason.WHEN),)
    config = defined.runs.configs[created.runs[0].id]
    (task,) = config.tasks.values()
    assert task.environment == {"LEVEL": "2"}
    assert config.source is not None
    assert config.source.url == f"http://clone.example:8001/{ALICE.id}/{TREE}.git"
    assert config.source.password == "only for this one"


async def test_the_message_is_that_of_the_commit_or_the_one_given(
    defined: House, calling: Caller
) -> None:
    alice = await calling("alice")
    first = await alice.direct_runs.create_direct_run(wish())
    second = await alice.direct_runs.create_direct_run(wish(message="Try it"))
    configs = defined.runs.configs
    assert configs[first.runs[0].id].annotations["message"] == "Do it\n\nwell"
    assert configs[second.runs[0].id].annotations["message"] == "Try it"


@pytest.mark.usefixtures("defined")
async def test_a_commit_may_ask_for_no_run(calling: Caller) -> None:
    alice = await calling("alice")
    created = await alice.direct_runs.create_direct_run(wish(message="[ci skip] later"))
    assert created.runs == ()
    assert {skipped.name for skipped in created.skipped} == {"build", "check", "release"}


async def test_a_definition_with_errors_becomes_a_run_that_shows_them(
    house: House, calling: Caller
) -> None:
    house.repositories.files[YML] = b"runs: 7"
    created = await (await calling("alice")).direct_runs.create_direct_run(wish())
    (run,) = created.runs
    assert (run.name, run.phase) == ("Setup Error", Phase.SETUP_ERROR)
    assert run.setup_errors[0].startswith(".agola/config.yml:1:7")


async def test_the_first_definition_that_there_is_counts(house: House, calling: Caller) -> None:
    alice = await calling("alice")
    house.repositories.files[YAML] = DEFINITION.replace(b"build", b"from-yaml")
    assert (await alice.direct_runs.create_direct_run(wish())).runs[0].name == "from-yaml"
    house.repositories.files[YML] = DEFINITION
    assert (await alice.direct_runs.create_direct_run(wish())).runs[0].name == "build"
    house.repositories.files[JSON] = b'{"runs": [{"name": "from-json", "tasks": []}]}'
    assert (await alice.direct_runs.create_direct_run(wish())).runs[0].name == "from-json"


async def test_a_program_becomes_runs(house: House, calling: Caller) -> None:
    alice = await calling("alice")
    house.repositories.files |= {
        ".agola/config.jsonnet": b"function(ctx) (import 'lib/runs.libsonnet')(ctx)",
        ".agola/lib/runs.libsonnet": b"""function(ctx) {runs: [{
            name: 'jsonnet ' + ctx.branch + ' ' + ctx.commit_sha,
            tasks: [{name: file} for file in ctx.changed_files],
        }]}""",
    }
    house.repositories.changed = ("a", "b")
    created = await alice.direct_runs.create_direct_run(wish())
    assert [run.name for run in created.runs] == [f"jsonnet main {SHA}"]
    tasks = house.runs.configs[created.runs[0].id].tasks.values()
    assert [task.name for task in tasks] == ["a", "b"]
    house.repositories.files[".agola/config.star"] = b"""
def main(ctx):
    return {"runs": [{"name": "star", "tasks": []}]}
"""
    created = await alice.direct_runs.create_direct_run(wish())
    assert [run.name for run in created.runs] == ["star"]


async def test_a_program_with_an_error_becomes_a_run_that_says_where(
    house: House, calling: Caller
) -> None:
    alice = await calling("alice")
    house.repositories.files |= {
        ".agola/config.star": b"load('lib.star', 'runs')\ndef main(ctx):\n    return runs(ctx)\n",
        ".agola/lib.star": b"def runs(ctx):\n    fail('no')\n",
    }
    [run] = (await alice.direct_runs.create_direct_run(wish())).runs
    assert (run.name, run.phase) == ("Setup Error", Phase.SETUP_ERROR)
    assert run.setup_errors == (".agola/lib.star:2:5: fail: no",)
    house.repositories.files[".agola/lib.star"] = b"def runs(ctx):\n    return {'runs': 7}\n"
    [run] = (await alice.direct_runs.create_direct_run(wish())).runs
    assert run.setup_errors[0].startswith(".agola/config.star (evaluated):2:10: runs:")


async def test_a_repeated_request_gives_the_runs_that_it_made_before(
    defined: House, calling: Caller
) -> None:
    alice, bob = await calling("alice"), await calling("bob")
    again = wish(request_id=str(uuid4()))
    first = await alice.direct_runs.create_direct_run(again)
    assert await alice.direct_runs.create_direct_run(again) == first
    assert len(defined.runs.states) == 2
    await alice.direct_runs.create_direct_run(wish())
    assert len(defined.runs.states) == 4
    his = await bob.direct_runs.create_direct_run(again)
    assert {run.id for run in his.runs}.isdisjoint(run.id for run in first.runs)


async def test_a_commit_without_a_definition_makes_no_run(calling: Caller) -> None:
    with pytest.raises(NotExistError) as caught:
        await (await calling("alice")).direct_runs.create_direct_run(wish())
    assert caught.value.reason == "CONFIG_DOES_NOT_EXIST"
    assert YML in caught.value.message


@pytest.mark.usefixtures("defined")
async def test_a_commit_that_was_not_pushed_makes_no_run(calling: Caller) -> None:
    with pytest.raises(NotExistError) as caught:
        await (await calling("alice")).direct_runs.create_direct_run(wish(commit_sha=40 * "b"))
    assert caught.value.reason == "COMMIT_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"repository_uuid": ""}, "REPOSITORY_UUID_INVALID"),
        ({"repository_uuid": "../" + TREE}, "REPOSITORY_UUID_INVALID"),
        ({"repository_uuid": TREE.upper()}, "REPOSITORY_UUID_INVALID"),
        ({"ref": ""}, "GIT_REF_REQUIRED"),
        ({"ref": "main"}, "GIT_REF_INVALID"),
        ({"commit_sha": ""}, "COMMIT_SHA_REQUIRED"),
        ({"commit_sha": "abc"}, "COMMIT_SHA_INVALID"),
        ({"request_id": "again"}, "REQUEST_ID_INVALID"),
        ({"variables": {"": "x"}}, "VARIABLE_NAME_INVALID"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused(
    calling: Caller, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await (await calling("alice")).direct_runs.create_direct_run(wish(**changes))
    assert caught.value.reason == reason


async def test_a_task_sees_the_input_that_was_given(house: House, calling: Caller) -> None:
    house.repositories.files[YML] = ASKING
    alice = await calling("alice")
    created = await alice.direct_runs.create_direct_run(wish(inputs={"count": "3"}))
    (task,) = house.runs.configs[created.runs[1].id].tasks.values()
    assert task.environment == {"AGOLA_INPUT_COUNT": "3"}


@pytest.mark.parametrize(
    ("inputs", "reason", "metadata"),
    [
        ({"count": "3", "Counts": "4"}, "INPUT_UNKNOWN", {"input": "Counts", "guess": "count"}),
        (
            {"count": "three"},
            "INPUT_INVALID",
            {"run": "second", "faults": '"count" must be a number'},
        ),
        ({}, "INPUT_INVALID", {"run": "second", "faults": '"count" must be given'}),
    ],
)
async def test_no_run_is_made_with_inputs_that_do_not_fit(
    house: House, calling: Caller, inputs: dict[str, str], reason: str, metadata: dict[str, str]
) -> None:
    house.repositories.files[YML] = ASKING
    with pytest.raises(BadRequestError) as caught:
        await (await calling("alice")).direct_runs.create_direct_run(wish(inputs=inputs))
    assert caught.value.reason == reason
    assert metadata.items() <= caught.value.metadata.items()
    assert not house.runs.states


async def test_a_token_that_only_reads_makes_no_run(defined: House, calling: Caller) -> None:
    defined.users.add_token(ALICE, "reader", scopes=["run:read"])
    reader = await calling("reader")
    for call in (
        reader.direct_runs.create_direct_run(wish()),
        reader.direct_runs.prepare_direct_run(TREE),
    ):
        with pytest.raises(ForbiddenError):
            await call


def test_a_wish_does_not_show_its_variables_and_inputs() -> None:
    shown = repr(wish(inputs={"count": "3"}))
    assert "level" not in shown
    assert "count" not in shown
