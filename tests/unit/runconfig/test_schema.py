"""The JSON Schema takes every spelling, and refuses what is a mistake in a key alone."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agola.runconfig import parse
from agola.runconfig.keys import Key, Shape, shapes
from agola.runconfig.schema import schema

VALIDATOR = jsonschema.Draft202012Validator(schema())


def accepted(text: str) -> bool:
    return bool(VALIDATOR.is_valid(yaml.safe_load(text)))


def a_run(text: str) -> str:
    return "runs: [{name: r, " + text + "}]"


def a_task(text: str) -> str:
    return a_run("tasks: [{name: t, " + text + "}]")


def a_step(text: str) -> str:
    return a_task("steps: [" + text + "]")


SPELLINGS = [
    "{runs: [{name: r, tasks: [{name: t}]}], version: v0}",
    a_run("when: {branch: main}, tasks: [{name: t}]"),
    a_run("when: {branch: [main, '/x/'], tag: {include: [a], exclude: b}}, tasks: [{name: t}]"),
    a_run("when: null, tasks: [{name: t}]"),
    a_run("concurrency: deploy, tasks: [{name: t}]"),
    a_run("concurrency: {group: g, limit: 2, cancel_superseded: true}, tasks: [{name: t}]"),
    a_run("inputs: [{name: a, type: boolean, default: true}], tasks: [{name: t}]"),
    a_run("tasks: [{name: a}, {name: b, depends: [a]}]"),
    a_run("tasks: [{name: a}, {name: b, depends: [{a: on_failure}]}]"),
    a_run("tasks: [{name: a}, {name: b, depends: [{a: [on_success, on_skipped]}]}]"),
    a_run("tasks: [{name: a}, {name: b, depends: [{task: a, conditions: [on_failure]}]}]"),
    a_run("tasks: [{name: a}, {name: b, depends: [{task: a}]}]"),
    a_run("tasks: [{name: task}, {name: b, depends: [{task: [on_failure]}]}]"),
    a_task("task_timeout_interval: 1h30m"),
    a_task("task_timeout_interval: 1500000000"),
    a_task("runtime: {arch: 386}"),
    a_task("runtime: {arch: '386', containers: [{image: x, volumes: [{path: /a, tmpfs: {}}]}]}"),
    a_task("runtime: {containers: [{volumes: [{path: /a, tmpfs: {size: 1Gi}}]}]}"),
    a_task("runtime: {containers: [{resources: {cpu: 500m, memory: 2Gi}}]}"),
    a_task("runtime: {containers: [{resources: {cpu: 0.5, memory: 1024}}]}"),
    a_task("runtime: {containers: [{image: a}, {health_check: {tcp_port: 80, interval: 1s}}]}"),
    a_task("runtime: {labels: {disk: fast}}"),
    a_task("runtime: {labels: [disk=fast]}"),
    a_task("environment: {A: 1, B: yes, C: text, D: {from_variable: d}, E: }"),
    a_task("docker_registries_auth: {h: {username: u, password: {from_variable: p}}}"),
    a_task("docker_registries_auth: {h: {type: encodedauth, auth: x}}"),
    a_task("retry: 3"),
    a_task("retry: {attempts: 3, failures: timeout, exit_codes: [75]}"),
    a_task(
        "matrix: {axes: {a: [1, x], b: y}, exclude: [{a: 1}]}, steps: [{run: '${{ matrix.a }}'}]"
    ),
    a_step("{clone: }"),
    a_step("clone: {}"),
    a_step("clone: {depth: 1, recurse_submodules: true}"),
    a_step("{type: clone}"),
    a_step("run: make"),
    a_step("run: {command: make, name: n, tty: false, environment: {A: 1}}"),
    a_step('run: {command: "a\\nb", name: n}'),
    a_step("{command: make, type: run, when: {branch: main}}"),
    a_step("save_to_workspace: {contents: [{source_dir: a, paths: '**', exclude: [b]}]}"),
    a_step("{type: save_to_workspace, contents: [{paths: ['**']}]}"),
    a_step("{restore_workspace: }"),
    a_step("restore_workspace: {dest_dir: x}"),
    a_step("save_cache: {key: k, contents: [{source_dir: a}]}"),
    a_step("restore_cache: {keys: k, dest_dir: /c}"),
    a_step("restore_cache: {keys: [k, l]}"),
]
"""Every spelling there is."""

MISTAKES = [
    "",
    "[]",
    "{}",
    "runs: []",
    "runs: {}",
    "runs: [null]",
    "runs: [{tasks: [{name: t}]}]",
    "runs: [{name: '', tasks: [{name: t}]}]",
    a_run("tasks: {name: t}"),
    a_run("tasks: [null]"),
    a_run("tasks: [{steps: []}]"),
    a_run("when: main, tasks: [{name: t}]"),
    a_run("when: {paths: {include: {}}}, tasks: [{name: t}]"),
    a_run("concurrency: {limit: 0}, tasks: [{name: t}]"),
    a_run("inputs: [{name: a, type: date}], tasks: [{name: t}]"),
    a_run("tasks: [{name: a}, {name: b, depends: a}]"),
    a_run("tasks: [{name: a}, {name: b, depends: [{}]}]"),
    a_run("tasks: [{name: a}, {name: b, depends: [{a: on_success, c: on_success}]}]"),
    a_run("tasks: [{name: a}, {name: b, depends: [{conditions: [on_success], x: 1}]}]"),
    a_task("approval: maybe"),
    a_task("approval: 'true'"),
    a_task("task_timeout_interval: soon"),
    a_task("task_timeout_interval: []"),
    a_task("runtime: [a]"),
    a_task("runtime: {type: vm}"),
    a_task("runtime: {arch: pdp11}"),
    a_task("runtime: {containers: [null]}"),
    a_task("runtime: {containers: {image: a}}"),
    a_task("runtime: {containers: [{privileged: 1}]}"),
    a_task("runtime: {containers: [{volumes: [{path: /a}]}]}"),
    a_task("runtime: {containers: [{volumes: [{path: /a, tmpfs: {size: big}}]}]}"),
    a_task("runtime: {containers: [{image: a}, {health_check: {interval: 1s}}]}"),
    a_task("runtime: {containers: [{image: a}, {health_check: {tcp_port: 70000}}]}"),
    a_task("environment: [A]"),
    a_task("environment: {A: [1]}"),
    a_task("environment: {A: {from_variable: }}"),
    a_task("docker_registries_auth: {h: }"),
    a_task("retry: 0"),
    a_task("retry: {attempts: 100}"),
    a_task("retry: {attempts: 2, failures: [bad_luck]}"),
    a_task("matrix: [a]"),
    a_task("matrix: {axes: [a]}"),
    a_task("matrix: {axes: {a: []}}"),
    a_task("steps: {run: make}"),
    a_step("clone"),
    a_step("dance: {}"),
    a_step("{run: a, clone: }"),
    a_step("{type: dance}"),
    a_step("{type: run}"),
    a_step("run:"),
    a_step("run: ''"),
    a_step("run: {name: n}"),
    a_step("run: [make]"),
    a_step('run: "a\\nb"'),
    a_step('run: {command: "a\\nb"}'),
    a_step("clone: {depth: 0}"),
    a_step("clone: {depth: all}"),
    a_step("save_to_workspace: {contents: {}}"),
    a_step("save_cache: {contents: []}"),
    a_step("restore_cache: {}"),
    a_step("restore_cache: {keys: []}"),
]
"""Structural mistakes that `check` calls errors."""

ODD = [
    "{runs: [{name: r, tasks: [{name: t}]}], run: []}",
    a_task("runtime: {architecture: amd64}"),
    a_task("stepz: []"),
    a_task("Steps: []"),
    a_task("environment: {A: {}}"),
    a_task("docker_registries_auth: {h: {type: token}}"),
    a_run("tasks: [{name: a}, {name: b, depends: [{a: on_monday}]}]"),
    a_run("runtime: {}, tasks: [{name: t}]"),
]
"""What `check` warns of: keys and words that say nothing."""


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_is_accepted(text: str) -> None:
    checked = parse("config.yml", text.encode())
    assert [str(problem) for problem in checked.errors + checked.warnings] == []
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize("text", MISTAKES)
def test_a_structural_mistake_is_refused_as_check_refuses_it(text: str) -> None:
    assert parse("config.yml", text.encode()).errors
    assert not accepted(text)


@pytest.mark.parametrize("text", ODD)
def test_what_check_warns_of_is_refused(text: str) -> None:
    checked = parse("config.yml", text.encode())
    assert not checked.errors
    assert checked.warnings
    assert not accepted(text)


KEYS = [(shape, key) for shape in shapes() for key in shape.keys]


@pytest.mark.parametrize(
    ("shape", "key"), KEYS, ids=[f"{shape.name}.{key.name}" for shape, key in KEYS]
)
def test_every_key_accepts_its_default_and_its_example_and_says_what_it_is(
    shape: Shape, key: Key
) -> None:
    defined = schema()["$defs"][shape.name.replace(" ", "_")]["properties"][key.name]
    assert defined["description"] == key.doc
    alone = jsonschema.Draft202012Validator({"$defs": schema()["$defs"], **defined})
    values = [yaml.safe_load(key.example)] if key.example else []
    values += [key.default] if key.default is not None else []
    for value in values:
        assert [error.message for error in alone.iter_errors(value)] == []


JUNK: list[object] = [[], {}, "x", 5, 0, -1, True, ["x"], {"x": "y"}]
"""Without nulls and empty texts, which the schema refuses in more places."""


@given(data=st.data())
def test_the_schema_accepts_whatever_the_strict_check_accepts(data: st.DataObject) -> None:
    """Change one thing of a sound definition at random, and ask both."""
    said = yaml.safe_load(data.draw(st.sampled_from(SPELLINGS)))
    place = data.draw(st.sampled_from([one for one in places(said) if one != ("version",)]))
    junk = data.draw(st.sampled_from(JUNK))
    changed = put(said, place, junk)
    checked = parse("config.json", json.dumps(changed).encode())
    if not checked.errors and not checked.warnings:
        assert [error.message for error in VALIDATOR.iter_errors(changed)] == []


def places(said: object, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give the way to every value."""
    yield way
    if isinstance(said, dict | list):
        for key, inner in said.items() if isinstance(said, dict) else enumerate(said):
            yield from places(inner, (*way, key))


def put(said: Any, way: tuple[str | int, ...], value: object) -> object:
    """Give a copy with another value at a place."""
    if not way:
        return value
    copy = said.copy()
    copy[way[0]] = put(said[way[0]], way[1:], value)
    return copy
