"""Every definition that is shown is sound, makes the runs that are said, and is shown as it is."""

import asyncio
import json
import os
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from agola.cli import exits
from agola.cli.config import PUSH
from agola.cli.definition import read
from agola.cli.main import main
from agola.runconfig import FILE_NAMES
from agola.runconfig.evaluation import evaluate
from agola.runconfig.schema import schema
from tools.definitions import COOKBOOK, REFERENCE, cookbook, reference

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent.parent for path in (ROOT / "examples").rglob(".agola/config.*"))
BOOK = sorted(path for path in (ROOT / "examples" / "cookbook").iterdir())
PLANS = Path(__file__).parent / "plans"
EVENTS = (
    ["--branch", "main"],
    ["--branch", "feature/x", "--changed-file", "frontend/index.html"],
    ["--tag", "v1.2.3"],
    ["--ref", "refs/pull/7/head", "--changed-file", "README.md"],
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = [
    pytest.param(text, id=f"{page.name} {number}")
    for page in (ROOT / "README.md", REFERENCE, COOKBOOK)
    for number, (language, text) in enumerate(BLOCK.findall(page.read_text()))
    if language == "yaml" and re.search("^runs:", text, re.MULTILINE)
]


def named(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=[path.name for path in paths])


def document(path: Path) -> object:
    """Give what a definition says, evaluated if it is a program."""
    folder = path / ".agola"
    files = {
        f".agola/{file.relative_to(folder).as_posix()}": file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }
    name = next(name for name in FILE_NAMES if name in files)
    evaluated = asyncio.run(evaluate(files, name, PUSH))
    assert not evaluated.errors
    return yaml.safe_load(evaluated.text)


def faults(said: object) -> list[str]:
    """Say why the schema refuses a document."""
    validator = jsonschema.Draft202012Validator(schema())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(said)]


@named(EXAMPLES)
def test_an_example_has_no_errors_and_no_warnings(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "check", "--strict", "-o", "json", str(path)]) == exits.OK
    [report] = json.loads(capsys.readouterr().out)
    assert report["valid"]


@named(EXAMPLES)
def test_the_schema_accepts_an_example(path: Path) -> None:
    assert faults(document(path)) == []


@named(BOOK)
def test_an_example_makes_the_runs_that_are_recorded(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for event in EVENTS:
        assert main(["config", "plan", str(path), *event]) == exits.OK
        told.append(f"$ agola config plan {' '.join(event)}\n{capsys.readouterr().out}")
    recorded = PLANS / f"{path.name}.txt"
    if "AGOLA_RECORD_PLANS" in os.environ:
        recorded.write_text("\n".join(told))
    assert "\n".join(told) == recorded.read_text()


@pytest.mark.parametrize("text", SHOWN)
def test_a_definition_on_a_page_is_sound(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text(text)
    parsed = read(path, PUSH).parsed
    assert parsed.errors + parsed.warnings == ()
    assert faults(yaml.safe_load(text)) == []


def test_the_cookbook_shows_every_file_as_it_is() -> None:
    page = COOKBOOK.read_text()
    assert cookbook(page) == page
    for path in BOOK:
        for file in (one for one in path.rglob("*") if one.is_file()):
            assert f"<!-- {file.relative_to(ROOT)} -->\n" in page
            assert file.read_text() in page


def test_the_reference_has_the_keys_as_they_are_read() -> None:
    page = REFERENCE.read_text()
    assert reference(page) == page


def test_every_example_is_planned_and_recorded() -> None:
    assert {path.stem for path in PLANS.iterdir()} == {path.name for path in BOOK}
