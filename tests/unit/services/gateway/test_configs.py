"""Definitions that are tried over the wire: what is wrong with them, and what they would make."""

import pytest
from msgspec import structs

from agola.core.errors import AgolaError, BadRequestError, ForbiddenError
from agola.model.run_config import Condition
from agola.runconfig.trial import MAX_FILES, Trial
from tests.unit.services.gateway.caller import Caller
from tests.unit.services.gateway.house import House
from tests.unit.services.gateway.users import ALICE

DEFINITION = b"""
runs:
  - name: all
    tasks:
      - {name: build, when: {tag: /^v/}}
      - {name: test, depends: [build]}
      - {name: tell, depends: [{build: [on_skipped]}], approval: true, steps: [
          {run: a}, {run: {command: b, when: {branch: other}}}]}
  - {name: nightly, when: {branch: nightly}, tasks: [{name: t}]}
"""

TRIAL = Trial(files={".agola/config.yml": DEFINITION}, ref="refs/heads/main")


async def test_a_plan_says_what_is_made_and_what_decided(calling: Caller) -> None:
    alice = await calling("alice")
    made, not_made = (await alice.configs.plan_runs(TRIAL)).runs
    assert (made.name, made.selected, made.why) == ("all", True, "no `when`")
    assert (not_made.name, not_made.selected) == ("nightly", False)
    assert not_made.why == "nothing includes refs/heads/main"
    build, test, tell = made.tasks
    assert (build.level, build.skipped) == (0, True)
    assert (test.level, test.skipped, test.blocked_by) == (1, False, ("build",))
    assert (tell.blocked_by, tell.approval) == ((), True)
    assert tell.depends == ("build",)
    assert tell.conditions == {"build": (Condition.ON_SKIPPED,)}
    [step] = tell.steps_left_out
    assert (step.index, step.name) == (1, "b")


async def test_a_message_may_ask_for_no_runs(calling: Caller) -> None:
    alice = await calling("alice")
    plan = await alice.configs.plan_runs(structs.replace(TRIAL, message="Fix it [skip ci]"))
    assert {run.selected for run in plan.runs} == {False}
    assert plan.runs[0].why == "the message of the commit asks for no runs"


@pytest.mark.parametrize(
    ("changed", "selected"), [(None, True), (("src/a",), True), (("b",), False), ((), False)]
)
async def test_changed_files_travel_and_so_does_not_knowing_them(
    calling: Caller, changed: tuple[str, ...] | None, *, selected: bool
) -> None:
    alice = await calling("alice")
    definition = b"runs: [{name: r, when: {paths: 'src/**'}, tasks: [{name: t}]}]"
    trial = Trial(
        files={".agola/config.yml": definition}, ref="refs/heads/main", changed_files=changed
    )
    [run] = (await alice.configs.plan_runs(trial)).runs
    assert run.selected is selected


async def test_a_check_says_every_error_and_warning_with_its_place(calling: Caller) -> None:
    alice = await calling("alice")
    definition = b"runs:\n  - name: r\n    tasks:\n      - {stepz: [], depends: [x]}\n"
    checked = await alice.configs.check_config(Trial(files={".agola/config.yml": definition}))
    assert checked.file == ".agola/config.yml"
    [error] = checked.errors
    assert (error.line, error.path, error.message) == (4, "runs[0].tasks[0]", '"name" is missing')
    [warning] = checked.warnings
    assert (warning.line, warning.column, warning.path) == (4, 10, "runs[0].tasks[0].stepz")
    assert warning.hint == 'did you mean "steps"?'


async def test_the_definition_is_found_as_in_a_repository_or_named(calling: Caller) -> None:
    alice = await calling("alice")
    files = {".agola/config.yml": b"{}", ".agola/config.json": b"{}", "other/x.yaml": DEFINITION}
    assert (await alice.configs.check_config(Trial(files=files))).file == ".agola/config.json"
    named = Trial(files=files, path="other/x.yaml", ref="refs/tags/v1")
    assert (await alice.configs.check_config(named)).errors == ()


async def test_a_program_is_evaluated_with_what_it_imports(calling: Caller) -> None:
    alice = await calling("alice")
    trial = Trial(
        files={
            ".agola/config.star": b"load('a.star', 'run')\n"
            b"def main(ctx):\n    return {'runs': [run(ctx['tag'])]}\n",
            ".agola/a.star": b"def run(n): return {'name': n, 'tasks': [{'name': 't'}]}\n",
        },
        ref="refs/tags/v1",
    )
    [run] = (await alice.configs.plan_runs(trial)).runs
    assert run.name == "v1"
    without = structs.replace(trial, files={".agola/config.star": b"def main(ctx): return 1 / 0\n"})
    checked = await alice.configs.check_config(without)
    assert checked.file == ".agola/config.star"
    [error] = checked.errors
    assert error.line == 1


@pytest.mark.parametrize(
    ("trial", "reason"),
    [
        (Trial(files={}), "CONFIG_REQUIRED"),
        (Trial(files={"a.yml": b""}), "CONFIG_NAME_INVALID"),
        (Trial(files={"a.yml": b""}, path="b.yml"), "CONFIG_NAME_INVALID"),
        (Trial(files={"a.yml": b"#" * (2 << 20)}, path="a.yml"), "CONFIG_TOO_LARGE"),
        (
            Trial(files={f"{n}.yml": b"" for n in range(MAX_FILES + 1)}, path="0.yml"),
            "CONFIG_TOO_LARGE",
        ),
        (structs.replace(TRIAL, ref="main"), "GIT_REF_INVALID"),
        (structs.replace(TRIAL, commit_sha="HEAD"), "COMMIT_SHA_INVALID"),
    ],
)
async def test_what_cannot_be_tried_is_refused(calling: Caller, trial: Trial, reason: str) -> None:
    alice = await calling("alice")
    for call in (alice.configs.check_config, alice.configs.plan_runs):
        with pytest.raises(AgolaError) as caught:
            await call(trial)
        assert caught.value.reason == reason


async def test_a_plan_needs_a_ref_and_a_sound_definition(calling: Caller) -> None:
    alice = await calling("alice")
    with pytest.raises(BadRequestError) as caught:
        await alice.configs.plan_runs(structs.replace(TRIAL, ref=""))
    assert caught.value.reason == "GIT_REF_REQUIRED"
    with pytest.raises(BadRequestError) as caught:
        await alice.configs.plan_runs(
            structs.replace(TRIAL, files={".agola/config.yml": b"runs: []"})
        )
    assert caught.value.reason == "CONFIG_INVALID"
    assert caught.value.metadata["line"] == "1"
    assert "no runs are defined" in caught.value.message


async def test_a_plan_that_no_message_can_hold_is_refused(calling: Caller) -> None:
    alice = await calling("alice")
    axes = f"matrix: {{axes: {{a: {list(range(100))}, b: [1, 2]}}}}"
    tasks = ", ".join(
        f"{{name: t{n}, {axes}, depends: {[f't{n - 1}'] if n else []}}}" for n in range(5)
    )
    definition = f"runs: [{{name: r, tasks: [{tasks}]}}]".encode()
    trial = Trial(files={"a.yml": definition}, path="a.yml", ref="refs/heads/main")
    with pytest.raises(BadRequestError) as caught:
        await alice.configs.plan_runs(trial)
    assert caught.value.reason == "CONFIG_TOO_LARGE"


async def test_a_token_for_something_else_may_not_try_definitions(
    house: House, calling: Caller
) -> None:
    house.users.add_token(ALICE, "narrow", scopes=["secret:read"])
    narrow = await calling("narrow")
    with pytest.raises(ForbiddenError) as caught:
        await narrow.configs.check_config(TRIAL)
    assert caught.value.reason == "TOKEN_SCOPE_MISSING"
