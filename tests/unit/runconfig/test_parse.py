"""Definitions are read with all their errors, and compiled to tasks."""

import json
import uuid
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.model.run_config import (
    Arch,
    ArchiveContents,
    CloneStep,
    Condition,
    RegistryAuth,
    RestoreCacheStep,
    RestoreWorkspaceStep,
    RunStep,
    SaveCacheStep,
    SaveToWorkspaceStep,
    TaskConfig,
    Tmpfs,
)
from agola.runconfig import Parsed, compile_run, context_of, parse
from agola.runconfig.definition import RunDefinition


class CountedIds:
    """Ids that a test can foresee."""

    def __init__(self) -> None:
        self._count = 0

    def uuid(self) -> str:
        self._count += 1
        return str(uuid.UUID(int=self._count))

    def token(self) -> str:
        raise NotImplementedError


def parsed(text: str) -> Parsed:
    return parse(".agola/config.yml", text.encode())


def sound(text: str) -> RunDefinition:
    result = parsed(text)
    assert [str(error) for error in result.errors] == []
    assert result.definition
    return result.definition.runs[0]


def compiled(
    text: str, *, ref: str = "refs/heads/main", variables: dict[str, str] | None = None
) -> dict[str, TaskConfig]:
    context = context_of(ref)
    assert context
    tasks = compile_run(sound(text), ids=CountedIds(), variables=variables or {}, context=context)
    return {task.name: task for task in tasks.values()}


def a_task(text: str) -> TaskConfig:
    """Compile a task that is written in flow style, without its name."""
    return compiled("runs: [{name: r, tasks: [{name: t, " + text + "}]}]")["t"]


def errors(text: str) -> list[tuple[str, str]]:
    return [(error.path, error.message) for error in parsed(text).errors]


def warnings(text: str) -> list[tuple[str, str, str]]:
    return [(found.path, found.message, found.hint) for found in parsed(text).warnings]


FULL = """
docker_registries_auth:
  registry.corp: {username: bot, password: {from_variable: regpass}}
  other.corp: {type: encodedauth, auth: YTpi}
task_timeout_interval: 1h30m
runs:
  - name: build
    when: {branch: [main, '#^rel/#'], tag: '/^v/', ref: {include: '#^refs/pull/#'}}
    docker_registries_auth:
      other.corp: {username: run, password: x}
    tasks:
      - name: compile
        working_dir: /src
        user: builder
        shell: /bin/bash
        task_timeout_interval: 90000000000
        runtime:
          arch: amd64
          labels: {disk: fast}
          containers:
            - image: registry.corp/py:3
              user: root
              privileged: true
              entrypoint: sh -c
              volumes: [{path: /scratch, tmpfs: {size: 512Mi}}, {path: /more, tmpfs: {}}]
            - {image: 'postgres:15', environment: {POSTGRES_PASSWORD: {from_variable: unknown}}}
        environment: {TOKEN: {from_variable: apitoken}, LEVEL: 2, ON: yes, EMPTY: }
        steps:
          - clone: {depth: 1, recurse_submodules: true}
          - restore_cache: {keys: ['deps-{{ md5sum "lock" }}', deps-], dest_dir: /cache}
          - run: make
          - {type: run, name: tests, command: make test, tty: false, shell: sh, working_dir: /x,
             environment: {A: {from_variable: apitoken}}}
          - save_cache: {key: k, contents: [{source_dir: /cache}]}
          - save_to_workspace: {contents: [{source_dir: dist, dest_dir: out, paths: ['**']}]}
      - name: ship
        approval: true
        ignore_failure: true
        when: {tag: v1}
        depends: [{compile: [on_success, on_failure]}]
        steps: [{restore_workspace: {dest_dir: .}}, {run: ./ship.sh}]
"""


def test_every_key_is_understood() -> None:
    assert not parsed(FULL).warnings
    tasks = compiled(FULL, variables={"apitoken": "T", "regpass": "P"})
    compile_ = tasks["compile"]
    assert compile_.environment == {"TOKEN": "T", "LEVEL": "2", "ON": "yes", "EMPTY": ""}
    assert (compile_.working_dir, compile_.user, compile_.shell) == (
        "/src",
        "builder",
        "/bin/bash",
    )
    assert compile_.timeout == timedelta(seconds=90)
    assert compile_.runtime.arch is Arch.AMD64
    assert compile_.runtime.labels == {"disk": "fast"}
    first, second = compile_.runtime.containers
    assert first.privileged
    assert first.volumes == (Tmpfs(path="/scratch", size=512 << 20), Tmpfs(path="/more"))
    assert second.environment == {"POSTGRES_PASSWORD": ""}
    assert compile_.registries == {
        "registry.corp": RegistryAuth(username="bot", password="P"),
        "other.corp": RegistryAuth(username="run", password="x"),
    }
    assert compile_.steps == (
        CloneStep(depth=1, recurse_submodules=True),
        RestoreCacheStep(keys=('deps-{{ md5sum "lock" }}', "deps-"), dest_dir="/cache"),
        RunStep(name="make", command="make"),
        RunStep(
            name="tests",
            command="make test",
            tty=False,
            shell="sh",
            working_dir="/x",
            environment={"A": "T"},
        ),
        SaveCacheStep(key="k", contents=(ArchiveContents(source_dir="/cache", paths=("**",)),)),
        SaveToWorkspaceStep(
            contents=(ArchiveContents(source_dir="dist", dest_dir="out", paths=("**",)),)
        ),
    )
    ship = tasks["ship"]
    assert (ship.needs_approval, ship.ignore_failure, ship.skip) == (True, True, True)
    assert (ship.level, ship.timeout) == (1, timedelta(minutes=90))
    [depend] = ship.depends
    assert depend.task_id == compile_.id
    assert depend.conditions == (Condition.ON_SUCCESS, Condition.ON_FAILURE)
    assert not compiled(FULL, ref="refs/tags/v1")["ship"].skip


def test_what_is_not_written_has_its_default() -> None:
    task = a_task("steps: [clone: , restore_workspace: , save_to_workspace: {contents: [{}]}]")
    assert (task.working_dir, task.shell, task.level, task.timeout) == (
        "~/project",
        "/bin/sh -e",
        0,
        None,
    )
    assert task.steps == (
        CloneStep(),
        RestoreWorkspaceStep(),
        SaveToWorkspaceStep(contents=(ArchiveContents(),)),
    )


@pytest.mark.parametrize(
    "steps",
    [
        "[{run: make}]",
        "[{run: {command: make}}]",
        "[{type: run, command: make}]",
        "[{command: make, name: make, type: run}]",
        "[{Run: {Command: make}}]",
    ],
)
def test_a_step_has_two_spellings(steps: str) -> None:
    assert a_task(f"steps: {steps}").steps == (RunStep(name="make", command="make"),)


@pytest.mark.parametrize(
    ("depends", "conditions"),
    [
        ("[p]", (Condition.ON_SUCCESS,)),
        ("[{p: [on_failure]}]", (Condition.ON_FAILURE,)),
        ("[{p: on_skipped}]", (Condition.ON_SKIPPED,)),
        ("[{p: }]", (Condition.ON_SUCCESS,)),
        ("[{p: []}]", (Condition.ON_SUCCESS,)),
        ("[{task: p}]", (Condition.ON_SUCCESS,)),
        ("[{task: p, conditions: [on_success, on_success]}]", (Condition.ON_SUCCESS,)),
        ("[{task: p, conditions: [nope]}]", (Condition.NEVER,)),
    ],
)
def test_a_dependency_has_many_spellings(depends: str, conditions: tuple[Condition, ...]) -> None:
    tasks = compiled(f"runs: [{{name: r, tasks: [{{name: p}}, {{name: t, depends: {depends}}}]}}]")
    [depend] = tasks["t"].depends
    assert (depend.task_id, depend.conditions) == (tasks["p"].id, conditions)


def test_a_run_step_is_named_after_the_first_100_bytes_of_its_command() -> None:
    [step] = a_task("steps: [{run: " + "é" * 60 + "}]").steps
    assert step.name == "é" * 50
    [step] = a_task("steps: [{run: a" + "é" * 60 + "}]").steps
    assert step.name == "a" + "é" * 49


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("15s", 15),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("1000000000", 1),
        ("10us", 1e-5),
    ],
)
def test_a_timeout_is_a_duration_or_nanoseconds(written: str, seconds: float) -> None:
    assert a_task(f"task_timeout_interval: {written}").timeout == timedelta(seconds=seconds)


@pytest.mark.parametrize("written", ["0", "0s", "~"])
def test_a_timeout_of_nothing_is_none(written: str) -> None:
    assert a_task(f"task_timeout_interval: {written}").timeout is None


@pytest.mark.parametrize("written", ["5 s", "fast", "1d", "99999999h", "'10'", "[1s]"])
def test_what_is_no_duration_is_an_error(written: str) -> None:
    [(path, _)] = errors(
        f"task_timeout_interval: {written}\nruns: [{{name: r, tasks: [{{name: t}}]}}]"
    )
    assert path == "task_timeout_interval"


@pytest.mark.parametrize(
    ("written", "size"),
    [("1Gi", 1 << 30), ("1G", 10**9), ("1e3", 1000), ("1.5Ki", 1536), ("100m", 1), ("7", 7)],
)
def test_a_size_is_written_as_kubernetes_does(written: str, size: int) -> None:
    volumes = f"[{{path: /x, tmpfs: {{size: {written}}}}}]"
    task = a_task(f"runtime: {{containers: [{{image: i, volumes: {volumes}}}]}}")
    assert task.runtime.containers[0].volumes[0].size == size


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("", "", "no runs are defined"),
        ("runs: []", "runs", "no runs are defined"),
        ("runs: 5", "runs", "must be a list, not a number"),
        ("runs: [~]", "runs[0]", "the run is empty"),
        ("runs: [{tasks: []}]", "runs[0]", '"name" is missing'),
        ("runs: [{name: ''}]", "runs[0].name", '"name" is empty'),
        ("runs: [{name: " + "n" * 101 + "}]", "runs[0].name", "longer than 100 bytes"),
        ("runs: [{name: a}, {name: a}]", "runs[1]", 'line 1 is called "a", too'),
        ("runs: [{name: a, tasks: [~]}]", "runs[0].tasks[0]", "the task is empty"),
        ("runs: [{name: a, tasks: {b: c}}]", "runs[0].tasks", "must be a list, not a mapping"),
    ],
)
def test_what_is_wrong_with_a_run_is_said_with_its_path(text: str, path: str, said: str) -> None:
    [(found, message)] = errors(text)
    assert found == path
    assert said in message


@pytest.mark.parametrize(
    ("task", "path", "said"),
    [
        ("runtime: {arch: arm65}", "runtime.arch", "no known architecture"),
        ("runtime: {type: vm}", "runtime.type", "only type of runtime is pod"),
        ("runtime: {containers: [~]}", "runtime.containers[0]", "the container is empty"),
        ("approval: 'true'", "approval", "must be true or false, not a text"),
        ("environment: [A]", "environment", "must be a mapping, not a list"),
        ("environment: {A: [1]}", "environment.A", "must be a text, not a list"),
        ("environment: {A: {from_variable: }}", "environment.A.from_variable", "is empty"),
        ("steps: [{}, {frob: x}]", "steps[1]", '"frob" is no type of step'),
        ("steps: [{a: 1, b: 2}]", "steps[0]", "has a single key"),
        ("steps: [run]", "steps[0]", "must be a mapping, not a text"),
        ("steps: [{run: ''}]", "steps[0].run", "the command is empty"),
        ("steps: [{type: run}]", "steps[0]", '"command" is missing'),
        ('steps: [{run: "a\\nb"}]', "steps[0].run", "several lines needs a name"),
        ("steps: [{clone: {depth: 0}}]", "steps[0].clone.depth", "1 or more"),
        ("steps: [{restore_cache: {}}]", "steps[0].restore_cache", '"keys" is missing'),
        ("steps: [{save_cache: {}}]", "steps[0].save_cache", '"key" is missing'),
        ("depends: [t]", "depends[0]", "cannot wait for itself"),
        ("depends: [x]", "depends[0]", 'no task of this run is called "x"'),
        ("depends: [{a: 1, b: 2}]", "depends[0]", "does not say which task"),
        ("docker_registries_auth: {h: }", "docker_registries_auth.h", "credentials are missing"),
    ],
)
def test_what_is_wrong_with_a_task_is_said_with_its_path(task: str, path: str, said: str) -> None:
    [(found, message)] = errors("runs: [{name: r, tasks: [{name: t, " + task + "}]}]")
    assert found == f"runs[0].tasks[0].{path}"
    assert said in message


def test_all_errors_of_a_file_are_told_in_its_order() -> None:
    text = """
runs:
  - name: a
    tasks:
      - name: b
        depends: [nope]
        steps: [{rnu: x}]
      - approval: maybe
"""
    found = [(error.line, error.path) for error in parsed(text).errors]
    assert found == [
        (6, "runs[0].tasks[0].depends[0]"),
        (7, "runs[0].tasks[0].steps[0]"),
        (8, "runs[0].tasks[1]"),
        (8, "runs[0].tasks[1].approval"),
    ]
    assert parsed(text).definition is None


def graph(**depends: str) -> str:
    tasks = ", ".join(f"{{name: {name}, depends: [{on}]}}" for name, on in depends.items())
    return f"runs: [{{name: r, tasks: [{tasks}]}}]"


def test_all_cycles_are_told() -> None:
    messages = [
        message for _, message in errors(graph(a="b", b="c", c="a", d="c, e", e="d", f="a"))
    ]
    assert sorted(message.partition(": ")[2] for message in messages) == [
        "a → b → c → a",
        "d → e → d",
    ]


def test_cycles_that_share_tasks_are_told_apart() -> None:
    messages = [message for _, message in errors(graph(a="b, c", b="c", c="a"))]
    assert sorted(message.partition(": ")[2] for message in messages) == [
        "a → b → c → a",
        "a → c → a",
    ]


def test_an_edge_that_says_nothing_new_is_refused() -> None:
    [(path, message)] = errors(graph(a="", b="a", c="b", d="c, a"))
    assert path == "runs[0].tasks[3].depends[1]"
    assert message == '"a" is waited for already, through "c"'
    assert not errors(graph(a="", b="a", c="a", d="b, c"))


def test_a_parent_twice_is_refused() -> None:
    assert errors(graph(a="", b="a, a")) == [
        ("runs[0].tasks[1].depends[1]", '"a" is waited for twice')
    ]


def test_levels_are_the_longest_ways() -> None:
    tasks = compiled(graph(d="c, x", c="b", b="a", a="", x=""))
    assert {name: task.level for name, task in tasks.items()} == {
        "d": 3,
        "c": 2,
        "b": 1,
        "a": 0,
        "x": 0,
    }


def test_unknown_keys_are_warned_of_with_a_guess() -> None:
    text = "runs: [{name: r, runtime: {}, tasks: [{name: t, dependss: [], Steps: []}]}]"
    assert warnings(text) == [
        ("runs[0].runtime", '"runtime" is no known key', "it belongs to a task"),
        ("runs[0].tasks[0].dependss", '"dependss" is no known key', 'did you mean "depends"?'),
        ("runs[0].tasks[0].Steps", '"Steps" is read as "steps"', ""),
    ]


def test_an_unknown_format_is_an_error() -> None:
    [error] = parse("config.toml", b"").errors
    assert "format" in error.message
    assert error.hint == "its name must end in one of .json, .jsonnet, .star, .yaml, .yml"


def test_the_same_input_gives_the_same_output() -> None:
    assert compiled(FULL) == compiled(FULL)


KEYS = [
    "runs",
    "name",
    "tasks",
    "steps",
    "depends",
    "when",
    "branch",
    "include",
    "runtime",
    "containers",
    "environment",
    "run",
    "clone",
    "type",
    "command",
    "from_variable",
    "volumes",
    "tmpfs",
    "size",
    "conditions",
    "task",
    "task_timeout_interval",
    "key",
    "keys",
    "contents",
    "docker_registries_auth",
    "approval",
    "paths",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**25)
    | st.sampled_from(["", "a", "/(/", "/a/", "15s", "1Gi", "on_success", "run", "pod", "a\nb"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_no_definition_does_more_than_be_refused(tree: dict[str, object]) -> None:
    text = json.dumps({"runs": [{"name": "r", "tasks": [{"name": "t", **tree}]}, tree], **tree})
    result = parse("config.json", text.encode())
    assert (result.definition is None) == bool(result.errors)
    for problem in (*result.errors, *result.warnings):
        assert problem.line == 1
        assert problem.column >= 1
    context = context_of("refs/heads/main")
    assert context
    for run in result.definition.runs if result.definition else ():
        tasks = compile_run(run, ids=CountedIds(), variables={}, context=context)
        assert len(tasks) == len(run.tasks)
