"""The list of keys says what is so: every example is accepted, every default is the default."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from agola.runconfig import parse
from agola.runconfig.keys import (
    CONCURRENCY,
    CONDITIONS,
    CONTAINER,
    CONTENTS,
    DEFINITION,
    DEPEND,
    HEALTH_CHECK,
    INPUT,
    MATRIX,
    PATHS,
    REGISTRY,
    RESOURCES,
    RETRY,
    RUN,
    RUNTIME,
    STEP_SHAPES,
    TASK,
    TMPFS,
    VALUE,
    VOLUME,
    WHEN,
    Key,
    Shape,
    shapes,
)

Tree = dict[str, Any]
AXES = {"python": ["3.11", "3.12"], "database": ["sqlite", "postgres"]}
REQUIRED: dict[str, Tree] = {
    "run": {"command": "make"},
    "save_cache": {"key": "k"},
    "restore_cache": {"keys": ["k"]},
}


def definition(tree: Tree) -> Tree:
    return {"runs": [{"name": "r", "tasks": [{"name": "t"}]}], **tree}


def run(tree: Tree) -> Tree:
    return definition({"runs": [{"name": "r", "tasks": [{"name": "t"}], **tree}]})


def task(tree: Tree) -> Tree:
    others = [{"name": name} for name in ("first", "build", "lint")]
    return run({"tasks": [*others, {"name": "t", **tree}]})


def container(tree: Tree) -> Tree:
    return task({"runtime": {"containers": [{"image": "steps"}, {"image": "service", **tree}]}})


def step(kind: str) -> Callable[[Tree], Tree]:
    return lambda tree: task({"steps": [{kind: {**REQUIRED.get(kind, {}), **tree}}]})


def health_check(tree: Tree) -> Tree:
    probe = {} if "command" in tree else {"tcp_port": 1}
    return container({"health_check": {**probe, **tree}})


def one_of_choices(tree: Tree) -> Tree:
    return (
        {"type": "choice", "choices": ["staging"]} if tree.keys() & {"default", "choices"} else {}
    )


PLACES: dict[str, Callable[[Tree], Tree]] = {
    DEFINITION.name: definition,
    RUN.name: run,
    REGISTRY.name: lambda tree: task({"docker_registries_auth": {"h": tree}}),
    TASK.name: task,
    WHEN.name: lambda tree: task({"when": {"branch": "x", **tree}}),
    CONDITIONS.name: lambda tree: task({"when": {"branch": {"include": "x", **tree}}}),
    PATHS.name: lambda tree: task({"when": {"paths": tree}}),
    CONCURRENCY.name: lambda tree: run({"concurrency": tree}),
    INPUT.name: lambda tree: run({"inputs": [{"name": "i", **one_of_choices(tree), **tree}]}),
    VALUE.name: lambda tree: task({"environment": {"A": tree}}),
    RUNTIME.name: lambda tree: task({"runtime": tree}),
    DEPEND.name: lambda tree: task({"depends": [{"task": "first", **tree}]}),
    MATRIX.name: lambda tree: task({"matrix": {"axes": AXES, **tree}}),
    RETRY.name: lambda tree: task({"retry": {"attempts": 2, **tree}}),
    CONTAINER.name: container,
    CONTENTS.name: lambda tree: step("save_to_workspace")({"contents": [tree]}),
    VOLUME.name: lambda tree: container({"volumes": [{"path": "/x", "tmpfs": {}, **tree}]}),
    TMPFS.name: lambda tree: container({"volumes": [{"path": "/x", "tmpfs": tree}]}),
    HEALTH_CHECK.name: health_check,
    RESOURCES.name: lambda tree: container({"resources": tree}),
    **{shape.name: step(kind) for kind, shape in STEP_SHAPES.items()},
}


def keys() -> Iterator[tuple[Shape, Key]]:
    for shape in shapes():
        for key in shape.keys:
            yield shape, key


def known(wanted: Callable[[Key], bool]) -> pytest.MarkDecorator:
    found = [(shape, key) for shape, key in keys() if wanted(key)]
    names = [f"{shape.name}: {key.name}" for shape, key in found]
    return pytest.mark.parametrize(("shape", "key"), found, ids=names)


def read(shape: Shape, tree: Tree) -> Any:
    """Read a definition that has a mapping of this shape, and nothing wrong with it."""
    parsed = parse("config.json", json.dumps(PLACES[shape.name](tree)).encode())
    assert [str(problem) for problem in (*parsed.errors, *parsed.warnings)] == []
    return parsed.definition


@known(lambda key: bool(key.example))
def test_every_example_is_accepted_and_says_something(shape: Shape, key: Key) -> None:
    assert read(shape, {key.name: yaml.safe_load(key.example)}) is not None


@known(lambda key: bool(key.choices) and key.name != "type")
def test_every_choice_is_accepted(shape: Shape, key: Key) -> None:
    for choice in key.choices:
        assert read(shape, {key.name: choice})


@known(lambda key: key.default not in (None, "", [], {}))
def test_every_default_is_what_counts_if_nothing_is_written(shape: Shape, key: Key) -> None:
    assert read(shape, {key.name: key.default}) == read(shape, {})


@known(lambda key: key.minimum is not None)
def test_what_is_out_of_range_is_refused(shape: Shape, key: Key) -> None:
    assert key.minimum is not None
    assert key.maximum is not None
    for number in (key.minimum, key.maximum):
        assert read(shape, {key.name: number})
    for number in (key.minimum - 1, key.maximum + 1):
        data = json.dumps(PLACES[shape.name]({key.name: number})).encode()
        assert parse("config.json", data).errors
