"""examples/hello does what its README says, with nothing but python3 and sh."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agola.core.ids import RandomIds
from agola.model.graph import ancestors
from agola.model.run_config import (
    CloneStep,
    RestoreWorkspaceStep,
    RunStep,
    SaveToWorkspaceStep,
    TaskConfig,
    TaskID,
)
from agola.runconfig import compile_run, context_of, parse

HELLO = Path(__file__).parents[2] / "examples" / "hello"
CONFIG = HELLO / ".agola" / "config.yml"


@pytest.fixture
def tasks() -> dict[TaskID, TaskConfig]:
    parsed = parse(str(CONFIG), CONFIG.read_bytes())
    assert parsed.definition
    assert not parsed.warnings
    [run] = parsed.definition.runs
    context = context_of("refs/heads/main")
    assert context
    return compile_run(run, ids=RandomIds(), variables={"version": "1.2.3"}, context=context)


def test_its_tasks_build_test_in_parallel_and_package(tasks: dict[TaskID, TaskConfig]) -> None:
    assert [(task.level, task.name) for task in tasks.values()] == [
        (0, "build"),
        (1, "unit-tests"),
        (1, "smoke-test"),
        (2, "package"),
    ]


def test_its_steps_succeed_one_after_the_other(
    tasks: dict[TaskID, TaskConfig], tmp_path: Path
) -> None:
    outputs = {}
    for task in tasks.values():
        saved = [tmp_path / f"{parent.name}.saved" for parent in ancestors(tasks, task.id)]
        outputs[task.name] = carry_out(task, tmp_path, saved)
    assert "OK" in outputs["unit-tests"]
    assert "Bonjour, Ada !" in outputs["smoke-test"]
    assert "hello 1.2.3\nHello, world!\n" in outputs["package"]


def carry_out(task: TaskConfig, room: Path, saved: list[Path]) -> str:
    """Do the steps of a task in a directory of its own, as far as this example needs it."""
    directory = room / task.name
    directory.mkdir()
    output = ""
    for step in task.steps:
        match step:
            case CloneStep():
                shutil.copytree(HELLO, directory, dirs_exist_ok=True)
            case RunStep(command=command):
                output += run(command, directory, task.environment)
            case SaveToWorkspaceStep(contents=[part]):
                target = room / f"{task.name}.saved" / part.dest_dir
                shutil.copytree(directory / part.source_dir, target, dirs_exist_ok=True)
            case RestoreWorkspaceStep():
                for archive in saved:
                    shutil.copytree(archive, directory, dirs_exist_ok=True)
            case _:
                pytest.fail(f"the example does not need {step.name}")
    return output


def run(command: str, directory: Path, environment: dict[str, str]) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), **environment}
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", command],
        cwd=directory,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
