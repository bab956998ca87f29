"""No file takes long to read, whatever is in it: every way to make it expensive has its limit."""

import time
from itertools import chain

import pytest

from agola.runconfig import parse

MOST_SECONDS = 2
"""Of the processor.  None of these takes more than one on a machine that does nothing else."""


def run(*tasks: str) -> str:
    return f"runs: [{{name: r, tasks: [{', '.join(tasks)}]}}]"


def task(number: int, text: str) -> str:
    return f"{{name: t{number}, {text}}}"


def listed(*items: object) -> str:
    return f"[{', '.join(map(str, items))}]"


def matrix(size: int) -> str:
    return f"matrix: {{axes: {{a: {listed(*range(size))}}}}}"


FILES = {
    "very many tasks": run(*["{}"] * 340_000),
    "many tasks": run(*(task(n, "x: 1, y: 2") for n in range(9999))),
    "many edges that say nothing new": run(
        *(task(n, f"depends: {listed(*(f't{m}' for m in range(n)))}") for n in range(550))
    ),
    "many cycles": run(
        *(
            task(n, f"depends: {listed(*(f't{m}' for m in range(400) if m != n))}")
            for n in range(400)
        )
    ),
    "many tasks that do not exist": run(*(task(n, f"depends: [z{n}]") for n in range(9999))),
    "many unknown keys": run(task(0, ", ".join(f"k{n}: 1" for n in range(60_000)))),
    "many unknown names": run(
        task(0, f"steps: [{{run: '{' '.join(f'$AGOLA_{n}' for n in range(50_000))}'}}]")
    ),
    "many expressions": run(
        task(0, f"when: {{branch: {listed(*(f'/(.{{0,{n}}}){{0,9}}/' for n in range(99)))}}}")
    ),
    "many matrices": run(*(task(n, f"{matrix(250)}, shell: s") for n in range(40))),
    "many matrices that are wrong": run(
        *(task(n, f"{matrix(250)}, steps: [{{rnu: x}}], stpes: 1") for n in range(40))
    ),
    "a long number": run(task(0, f"user: {'9' * 900_000}")),
    "a long duration": f"task_timeout_interval: {'1h' * 400_000}\n" + run("{name: t}"),
    "aliases of aliases": "\n".join(
        chain(
            ["x0: &x0 [x, x, x, x, x, x, x, x, x, x]"],
            (f"x{n}: &x{n} {listed(*[f'*x{n - 1}'] * 10)}" for n in range(1, 20)),
        )
    ),
    "aliases that fit": f"x: &x {listed(*['{run: a}'] * 1000)}\n"
    + run(*(task(n, "steps: *x") for n in range(80))),
    "many levels": "[" * 100_000,
}


@pytest.mark.parametrize("name", FILES)
def test_it_is_read_in_time(name: str) -> None:
    data = FILES[name].encode()
    start = time.process_time()
    parsed = parse("config.yml", data)
    assert time.process_time() - start < MOST_SECONDS
    assert (parsed.definition is None) == bool(parsed.errors)
