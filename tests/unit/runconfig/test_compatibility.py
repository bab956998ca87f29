"""What Agola always accepted is accepted, and means the same: the same runs, tasks and skips."""

import pytest

from agola.runconfig import asks_to_skip, compile_run, context_of, matches, parse
from tests.unit.runconfig.test_golden import CountedIds

MAIN, TAG, PULL = "refs/heads/main", "refs/tags/v1.0", "refs/pull/7/head"


def outcome(text: str, ref: str = MAIN) -> dict[str, dict[str, bool]]:
    """Say which runs are made for a ref, and which of their tasks are skipped."""
    parsed = parse(".agola/config.yml", text.encode())
    assert [str(error) for error in parsed.errors] == []
    assert parsed.definition
    context = context_of(ref)
    assert context
    return {
        run.name: {
            task.name: task.skip
            for task in compile_run(run, ids=CountedIds(), variables={}, context=context).values()
        }
        for run in parsed.definition.runs
        if matches(run.when, context)
    }


def task(text: str) -> str:
    return "runs: [{name: r, tasks: [{name: p}, {name: t, " + text + "}]}]"


@pytest.mark.parametrize(
    "text",
    [
        "runs: [{name: r, tasks: [{name: p}, {name: t}]}]",
        "RUNS: [{NAME: r, Tasks: [{nAmE: p}, {name: t}]}]",
        "runs: [{name: wrong, tasks: [{name: p}, {name: t}], name: r}]",
        '{"runs": [{"name": "r", "tasks": [{"name": "p"}, {"name": "t"}],}],}',
        "\ufeffruns:\r\n- name: r\r\n  tasks:\r\n  - name: p\r\n  - name: t\r\n",
        "runs: [{name: r, tasks: [&p {name: p}, {<<: *p, name: t}]}]\n---\nother: [",
        task("runtime: {containers: [{image: x, auth: {any: thing}, working_dir: /x}]}"),
        task("runtime: {architecture: amd64, containers: [{}]}"),
        task("runtime: {type: , arch: '', containers: []}"),
        task("runtime: {arch: 386, containers: [{image: 1.10, volumes: [{tmpfs: {}}]}]}"),
        task("runtime: {containers: [{volumes: [{path: /x, tmpfs: {size: -1}}]}]}"),
        task("runtime: {containers: [{volumes: [{path: /x, tmpfs: {size: ' 1Gi '}}]}]}"),
        task("steps: [~, {}, {clone: }, {run: a}, {type: run, command: b, clone: {depth: x}}]"),
        task("steps: [{run: {command: a, when: {branch: 1}, unknown: x}}]"),
        task("steps: []"),
        task("steps: "),
        task("environment: {A: 1, B: true, C: 1.5, D: , E: {}, F: {from_variable: ''}, 'G=H': x}"),
        task("environment: {A: x, A: y}"),
        task("depends: [p]"),
        task("depends: [{p: }]"),
        task("when: {branch: [main], tag: {include: {}}}"),
        "runs: [{name: r, tasks: [{name: p}, {name: x, <<: {name: t}}]}]",
        task("depends: [{task: p, conditions: [unknown]}]"),
        task("approval: yes, ignore_failure: off"),
        task("approval: Y, ignore_failure: n"),
        task("task_timeout_interval: 15s"),
        task("task_timeout_interval: 15000000000"),
        task("task_timeout_interval: '0'"),
        task("task_timeout_interval: -1h"),
        task("task_timeout_interval: .5h30s"),
        task("docker_registries_auth: {h: {}, i: {type: other}, j: {auth: x, type: encodedauth}}"),
        task("user: 0755, working_dir: ~, shell: 5"),
        task("retries: 5, needs: [x], image: y"),
        "version: v99\n" + task("x: y"),
        "anything: [else]\n" + task("x: y"),
    ],
)
def test_it_is_accepted(text: str) -> None:
    assert outcome(text) == {"r": {"p": False, "t": False}}


@pytest.mark.parametrize(
    ("when", "refs"),
    [
        ("~", {MAIN, TAG, PULL}),
        ("{}", set()),
        ("{unknown: x}", set()),
        ("{branch: main}", {MAIN}),
        ("{branch: Main}", set()),
        ("{Branch: {Include: main}}", {MAIN}),
        ("{branch: /.*/}", {MAIN}),
        ("{branch: //}", set()),
        ("{branch: /ai/}", {MAIN}),
        ("{branch: '#.*#', tag: '#v.*#'}", {MAIN, TAG}),
        ("{branch: {exclude: dev}}", set()),
        ("{branch: {include: /.*/, exclude: [main]}}", set()),
        ("{branch: main, ref: {include: x, exclude: /main/}}", set()),
        ("{branch: {include: main, exclude: main}, ref: '#^refs/heads/#'}", {MAIN}),
        ("{tag: [v1.0, v2.0]}", {TAG}),
        ("{tag: /^v1.0$/}", {TAG}),
        ("{ref: '#refs/pull/\\d+/head#'}", {PULL}),
        ("{branch: /.*/, tag: /.*/}", {MAIN, TAG}),
        ("{ref: /(?i)MAIN$/}", {MAIN}),
    ],
)
def test_a_when_is_for_the_same_refs(when: str, refs: set[str]) -> None:
    runs = f"runs: [{{name: r, when: {when}, tasks: [{{name: t}}]}}]"
    assert {ref for ref in (MAIN, TAG, PULL) if outcome(runs, ref)} == refs
    tasks = f"runs: [{{name: r, tasks: [{{name: t, when: {when}}}]}}]"
    skipped = {ref: outcome(tasks, ref)["r"]["t"] for ref in (MAIN, TAG, PULL)}
    assert {ref for ref, skip in skipped.items() if not skip} == refs


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("123", "123"),
        ("yes", "true"),
        ("No", "false"),
        ("y", "true"),
        ("'yes'", "yes"),
        ("1.10", "1.1"),
        ("100.0", "100"),
        ("1234567.5", "1.2345675e+06"),
        ("0.00001", "1e-05"),
        ("0755", "493"),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("2001-01-01", "2001-01-01"),
        ("1:30", "1:30"),
    ],
)
def test_a_name_is_read_as_it_always_was(written: str, name: str) -> None:
    text = (
        f"runs: [{{name: {written}, tasks: [{{name: {written}}}, {{name: t, depends: [{name}]}}]}}]"
    )
    quoted = text.replace(f"depends: [{name}]", f'depends: ["{name}"]')
    assert outcome(quoted) == {name: {name: False, "t": False}}
    assert outcome(text.replace(f"depends: [{name}]", f"depends: [{written}]"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "~",
        "runs: []",
        "runs: [~]",
        "runs: [{tasks: []}]",
        "runs: [{name: a}, {name: a}]",
        "runs: [{name: r, tasks: [~]}]",
        task("depends: [unknown]"),
        task("depends: [t]"),
        task("depends: [p, p]"),
        "runs: [{name: r, tasks: [{name: a, depends: [b]}, {name: b, depends: [a]}]}]",
        task("runtime: {containers: [~]}"),
        task("runtime: {arch: amd65}"),
        task("runtime: {containers: [{volumes: [{path: /x}]}]}"),
        task("docker_registries_auth: {h: ~}"),
        task("steps: [{run: ''}]"),
        task("steps: [{run: }]"),
        task('steps: [{run: "a\\n"}]'),
        task("steps: [{a: 1, b: 2}]"),
        task("steps: [{unknown: {}}]"),
        task("steps: [{restore_cache: {}}]"),
        task("steps: [{save_cache: {}}]"),
        task("steps: [{save_to_workspace: {contents: [~]}}]"),
        task("when: {branch: '/(?=x)/'}"),
        task("environment: {A: [x]}"),
        task("task_timeout_interval: 15" + "x"),
    ],
)
def test_what_was_refused_or_crashed_is_an_error_with_its_place(text: str) -> None:
    errors = parse("config.yml", text.encode()).errors
    assert errors
    assert all(error.line >= 1 and error.column >= 1 and error.message for error in errors)


def test_a_task_may_be_called_task() -> None:
    text = "runs: [{name: r, tasks: [{name: task}, {name: t, depends: [DEPEND]}]}]"
    for depend in ("task", "task: task", "{task: [on_success]}", "{task: [x], conditions: [y]}"):
        errors = parse("config.yml", text.replace("DEPEND", depend).encode()).errors
        assert bool(errors) == ("conditions" in depend)


def test_a_commit_message_may_ask_for_no_run_anywhere() -> None:
    assert asks_to_skip("subject [ci skip]")
    assert asks_to_skip("subject\n\nbody [ci skip] more")
    assert not asks_to_skip("[CI SKIP]")
