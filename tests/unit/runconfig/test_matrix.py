"""A matrix makes many tasks of one, and never more than somebody can pay for."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agola.runconfig import Parsed, RunDefinition, parse


def parsed(task: str) -> Parsed:
    text = "runs: [{name: r, tasks: [{name: first}, {name: t, " + task + "}]}]"
    return parse("config.yml", text.encode())


def run_of(task: str) -> RunDefinition:
    result = parsed(task)
    assert [str(error) for error in result.errors] == []
    assert result.definition
    return result.definition.runs[0]


def names(task: str) -> list[str]:
    return [one.name for one in run_of(task).tasks[1:]]


@pytest.mark.parametrize(
    ("matrix", "made"),
    [
        ("axes: {os: [linux, mac]}", ["t (linux)", "t (mac)"]),
        ("axes: {os: linux}", ["t (linux)"]),
        ("axes: {python: [3.10, '3.11']}", ["t (python 3.10)", "t (python 3.11)"]),
        ("axes: {debug: [true, no]}", ["t (debug true)", "t (debug no)"]),
        ("axes: {a: [x, x, y]}", ["t (x)", "t (y)"]),
        ("axes: {a: [x, y], b: [1, 2]}", ["t (x, b 1)", "t (x, b 2)", "t (y, b 1)", "t (y, b 2)"]),
        ("axes: {a: [x, y], b: [u, v]}, exclude: [{a: x}]", ["t (y, u)", "t (y, v)"]),
        ("axes: {a: [x], b: [u]}, include: [{b: v, a: y}]", ["t (x, u)", "t (y, v)"]),
        ("axes: {a: [x]}, include: [{a: x}]", ["t (x)"]),
        ("include: [{a: x, b: y}]", ["t (x, y)"]),
    ],
)
def test_it_makes_a_task_for_every_combination(matrix: str, made: list[str]) -> None:
    assert names(f"matrix: {{{matrix}}}") == made


def test_a_task_without_a_matrix_keeps_what_looks_like_a_value() -> None:
    [_, task] = run_of("shell: '${{ matrix.os }}'").tasks
    assert (task.shell, task.matrix) == ("${{ matrix.os }}", {})


def test_a_value_never_becomes_more_than_one_value() -> None:
    task = "matrix: {axes: {a: ['[x, y]', 'k: v']}}, environment: {A: '${{ matrix.a }}'}"
    [_, first, second] = run_of(task).tasks
    assert first.environment["A"].text == "[x, y]"
    assert second.environment["A"].text == "k: v"


def test_a_value_is_not_replaced_in_a_value() -> None:
    task = "matrix: {axes: {a: ['${{ matrix.b }}'], b: [z]}}, shell: '${{ matrix.a }}'"
    assert run_of(task).tasks[1].shell == "${{ matrix.b }}"


def test_who_waits_for_it_waits_for_all_its_tasks() -> None:
    text = """
runs:
  - name: r
    tasks:
      - {name: test, matrix: {axes: {os: [linux, mac]}}}
      - {name: all, depends: [{test: [on_failure]}]}
      - {name: one, depends: [test (mac)]}
      - {name: both, depends: [test, test (mac)]}
"""
    result = parse("config.yml", text.encode())
    assert [(error.path, error.message) for error in result.errors] == [
        ("runs[0].tasks[3].depends[1]", '"test (mac)" is waited for twice')
    ]
    result = parse("config.yml", text.replace("[test, test (mac)]", "[test]").encode())
    assert result.definition
    depends = {
        task.name: [one.task for one in task.depends] for task in result.definition.runs[0].tasks
    }
    assert depends["all"] == depends["both"] == ["test (linux)", "test (mac)"]
    assert depends["one"] == ["test (mac)"]


def test_what_is_wrong_with_all_its_tasks_is_told_once() -> None:
    result = parsed("matrix: {axes: {a: [x, y, z]}}, approval: maybe, steps: [{rnu: x}], stpes: []")
    assert [error.path for error in result.errors] == [
        "runs[0].tasks[1].approval",
        "runs[0].tasks[1].steps[0]",
    ]
    assert [warning.path for warning in result.warnings] == ["runs[0].tasks[1].stpes"]


def test_its_name_is_its_own() -> None:
    errors = parsed("matrix: {axes: {a: [x]}}}, {name: t").errors
    assert [error.message for error in errors] == ['another task is called "t", too']
    errors = parsed("matrix: {axes: {a: [x]}}}, {name: t (x)").errors
    assert [error.message for error in errors] == ['the task in line 1 is called "t (x)", too']
    [error] = parsed("matrix: {axes: {a: [" + "x" * 100 + "]}}").errors
    assert "longer than 100 bytes" in error.message


@pytest.mark.parametrize(
    "task",
    [
        "matrix: {axes: {" + ", ".join(f"a{n}: [1, 2, 3, 4]" for n in range(40)) + "}}",
        "matrix: {axes: {a: [" + ", ".join(map(str, range(256))) + "]}}, steps: ["
        "{run: x}, " * 3000 + "]",
        "matrix: {axes: {a: [" + ", ".join(f"{n:0>200}" for n in range(256)) + "]}},"
        " steps: [{run: '" + "${{ matrix.a }}" * 5000 + "'}]",
        "matrix: {axes: {a: [" + "x" * 201 + "]}}",
    ],
)
def test_what_is_too_much_is_refused_at_once(task: str) -> None:
    start = time.process_time()
    assert parsed(task).errors
    assert time.process_time() - start < 1


def test_many_matrices_that_wait_for_each_other_are_refused_at_once() -> None:
    values = ", ".join(map(str, range(256)))
    tasks = ", ".join(
        f"{{name: t{n}, matrix: {{axes: {{a: [{values}]}}}}, depends: [{f't{n - 1}' * (n > 0)}]}}"
        for n in range(30)
    )
    start = time.process_time()
    errors = parse("config.yml", f"runs: [{{name: r, tasks: [{tasks}]}}]".encode()).errors
    assert any("are waited for" in error.message for error in errors)
    assert time.process_time() - start < 2


VALUES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES, min_size=1), st.data())
def test_it_is_all_combinations_but_the_excluded_ones(
    axes: dict[str, list[str]], data: st.DataObject
) -> None:
    some = {axis: data.draw(st.sampled_from(values)) for axis, values in axes.items()}
    excluded = dict(list(some.items())[: data.draw(st.integers(0, len(some)))])
    expected: list[dict[str, str]] = [{}]
    for axis, values in axes.items():
        expected = [{**one, axis: value} for one in expected for value in values]
    if excluded:
        expected = [one for one in expected if not excluded.items() <= one.items()]
    exclude = [excluded] if excluded else []
    result = parsed(f"matrix: {{axes: {axes}, exclude: {exclude}}}")
    if not expected:
        assert result.errors
        return
    assert result.definition
    assert [task.matrix for task in result.definition.runs[0].tasks[1:]] == expected
