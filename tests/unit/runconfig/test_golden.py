"""Every short form, every default and every complaint is as it was.

Each `golden/NAME.yml` makes the `golden/NAME.json` beside it.  To write them anew, and then to look
at what changed: `python -m tests.unit.runconfig.test_golden`.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agola.runconfig import Definition, compile_run, context_of, decide, parse

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.yml"))
VARIABLES = {"password": "secret"}


class CountedIds:
    """Ids that tell tasks apart, and are the same every time."""

    def __init__(self) -> None:
        self._count = 0

    def uuid(self) -> str:
        self._count += 1
        return f"task-{self._count}"

    def token(self) -> str:
        raise NotImplementedError


def told(path: Path) -> dict[str, Any]:
    parsed = parse(path.name, path.read_bytes())
    runs = list(made(parsed.definition)) if parsed.definition else []
    return {
        "errors": [str(error) for error in parsed.errors],
        "warnings": [str(warning) for warning in parsed.warnings],
        "runs": runs if path.stem == "defaults" else without_nothing(runs),
    }


def made(definition: Definition) -> list[dict[str, Any]]:
    """Say what a definition makes for the branch main."""
    context = context_of("refs/heads/main")
    assert context
    ids = CountedIds()
    return [
        {
            "name": run.name,
            "why": decide(run.when, context).why,
            "concurrency": msgspec.to_builtins(run.concurrency),
            "inputs": msgspec.to_builtins(run.inputs),
            "tasks": msgspec.to_builtins(
                list(compile_run(run, ids=ids, variables=VARIABLES, context=context).values())
            ),
        }
        for run in definition.runs
    ]


def without_nothing(value: Any) -> Any:
    """Leave out what says nothing, so that a file shows what it is about."""
    if isinstance(value, list | tuple):
        return [without_nothing(item) for item in value]
    if not isinstance(value, dict):
        return value
    pruned = {key: without_nothing(item) for key, item in value.items()}
    return {key: item for key, item in pruned.items() if item or key == "tty"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_makes_what_it_always_made(path: Path) -> None:
    assert json.loads(json.dumps(told(path))) == json.loads(path.with_suffix(".json").read_text())


def test_a_file_makes_the_same_bytes_every_time() -> None:
    for path in FILES:
        first, second = (json.dumps(told(path)) for _ in range(2))
        assert first == second


if __name__ == "__main__":
    for file in FILES:
        text = json.dumps(told(file), indent=1, ensure_ascii=False)
        file.with_suffix(".json").write_text(text + "\n")
