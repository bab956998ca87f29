"""However a definition is written, it is read as the same."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agola.model.run_config import (
    Arch,
    Condition,
    FailureCause,
    Resources,
    Retry,
    RunStep,
    Tmpfs,
)
from agola.runconfig import RunDefinition, parse
from agola.runconfig.definition import (
    ContainerDefinition,
    Definition,
    Dependency,
    RuntimeDefinition,
    StepDefinition,
    TaskDefinition,
    Value,
)
from agola.runconfig.when import Conditions, When

LIKE_BOOLEANS = {"y", "Y", "n", "N"}
"""PyYAML writes these without quotes, and they are read as booleans."""

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=8
).filter(lambda text: text not in LIKE_BOOLEANS)
PATTERNS = st.lists(TEXTS.filter(lambda text: text[0] not in "/#"), max_size=2).map(tuple)
ENVIRONMENTS = st.dictionaries(
    st.from_regex("[A-Z]{1,4}", fullmatch=True),
    st.builds(Value, text=TEXTS) | st.builds(Value, variable=TEXTS),
    max_size=2,
)
CONDITIONS = st.builds(Conditions, include=PATTERNS, exclude=PATTERNS)
WHENS = st.builds(
    When, branch=st.none() | CONDITIONS, tag=st.none() | CONDITIONS, ref=st.none() | CONDITIONS
)
CONTAINERS = st.builds(
    ContainerDefinition,
    image=TEXTS,
    environment=ENVIRONMENTS,
    privileged=st.booleans(),
    volumes=st.lists(st.builds(Tmpfs, path=TEXTS, size=st.integers(0, 1 << 40)), max_size=2).map(
        tuple
    ),
    resources=st.builds(Resources, cpu_millis=st.integers(1, 9999), memory=st.integers(0, 1 << 40)),
)
STEPS = st.builds(
    StepDefinition,
    step=st.builds(RunStep, name=TEXTS, command=TEXTS, shell=TEXTS, tty=st.booleans()),
    when=st.none() | WHENS,
    environment=ENVIRONMENTS,
)


@st.composite
def runs(draw: st.DrawFn) -> RunDefinition:
    """Make a run whose tasks wait for the first of them, at most."""
    names = draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
    tasks = [
        TaskDefinition(
            name=name,
            runtime=RuntimeDefinition(
                arch=draw(st.none() | st.sampled_from(Arch)),
                containers=tuple(draw(st.lists(CONTAINERS, max_size=2))),
                labels=draw(st.dictionaries(TEXTS, TEXTS, max_size=2)),
            ),
            environment=draw(ENVIRONMENTS),
            steps=tuple(draw(st.lists(STEPS, max_size=2))),
            depends=draw(st.just(()) if index == 0 else depends_on(names[0])),
            ignore_failure=draw(st.booleans()),
            when=draw(st.none() | WHENS),
            timeout=draw(st.none() | st.just(timedelta(seconds=90))),
            retry=draw(RETRIES),
        )
        for index, name in enumerate(names)
    ]
    return RunDefinition(name=draw(TEXTS), tasks=tuple(tasks), when=draw(st.none() | WHENS))


def depends_on(name: str) -> st.SearchStrategy[tuple[Dependency, ...]]:
    written = [condition for condition in Condition if condition is not Condition.NEVER]
    conditions = st.lists(st.sampled_from(written), min_size=1, max_size=2, unique=True).map(tuple)
    return st.tuples(st.builds(Dependency, task=st.just(name), conditions=conditions))


RETRIES = st.builds(
    Retry,
    attempts=st.integers(1, 10),
    causes=st.just((FailureCause.TIMEOUT,)),
    exit_codes=st.lists(st.integers(1, 255), max_size=2, unique=True).map(tuple),
)


def rendered(run: RunDefinition) -> dict[str, Any]:
    """Write a run as a definition has it."""
    return {
        "name": run.name,
        "when": rendered_when(run.when),
        "tasks": [rendered_task(task) for task in run.tasks],
    }


def rendered_task(task: TaskDefinition) -> dict[str, Any]:
    return {
        "name": task.name,
        "runtime": {
            "arch": task.runtime.arch.value if task.runtime.arch else None,
            "labels": task.runtime.labels,
            "containers": [rendered_container(one) for one in task.runtime.containers],
        },
        "environment": rendered_environment(task.environment),
        "steps": [rendered_step(step) for step in task.steps],
        "depends": [
            {one.task: [condition.value for condition in one.conditions]} for one in task.depends
        ],
        "ignore_failure": task.ignore_failure,
        "when": rendered_when(task.when),
        "task_timeout_interval": f"{task.timeout.seconds}s" if task.timeout else None,
        "retry": {
            "attempts": task.retry.attempts,
            "failures": [cause.value for cause in task.retry.causes],
            "exit_codes": list(task.retry.exit_codes),
        },
    }


def rendered_container(container: ContainerDefinition) -> dict[str, Any]:
    return {
        "image": container.image,
        "environment": rendered_environment(container.environment),
        "privileged": container.privileged,
        "volumes": [{"path": one.path, "tmpfs": {"size": one.size}} for one in container.volumes],
        "resources": {
            "cpu": f"{container.resources.cpu_millis}m",
            "memory": container.resources.memory,
        },
    }


def rendered_step(definition: StepDefinition) -> dict[str, Any]:
    assert isinstance(definition.step, RunStep)
    body = {
        "name": definition.step.name,
        "command": definition.step.command,
        "shell": definition.step.shell,
        "tty": definition.step.tty,
        "when": rendered_when(definition.when),
        "environment": rendered_environment(definition.environment),
    }
    return {"run": body}


def rendered_environment(environment: dict[str, Value]) -> dict[str, Any]:
    return {
        name: value.text if value.variable is None else {"from_variable": value.variable}
        for name, value in environment.items()
    }


def rendered_when(when: When | None) -> Any:
    if when is None:
        return None
    return {key: value for key, value in msgspec.to_builtins(when).items() if value is not None}


@settings(deadline=None)
@given(runs())
def test_what_is_written_is_read(run: RunDefinition) -> None:
    text = json.dumps({"runs": [rendered(run)]})
    parsed = parse("config.json", text.encode())
    assert [str(error) for error in parsed.errors] == []
    assert parsed.definition == Definition(runs=(run,))


@settings(deadline=None)
@given(run=runs(), flow=st.booleans(), width=st.integers(20, 120))
def test_yaml_and_json_are_read_as_the_same(run: RunDefinition, *, flow: bool, width: int) -> None:
    tree = {"runs": [rendered(run)]}
    as_json = json.dumps(tree, ensure_ascii=False).encode()
    as_yaml = yaml.safe_dump(
        json.loads(as_json), default_flow_style=flow, allow_unicode=True, width=width
    ).encode()
    read = parse("config.yml", as_yaml)
    assert read.definition
    for name, data in (("config.json", as_json), ("config.yml", as_json)):
        assert parse(name, data).definition == read.definition
