"""Variables come from files and from the command line."""

from pathlib import Path

import pytest

from agola.cli.variables import variables
from agola.core.errors import BadRequestError


def test_the_command_line_wins_over_files_and_later_files_over_earlier_ones(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yml", tmp_path / "second.json"
    first.write_text("a: 1\nb: 010\nc: yes\n")
    second.write_text('{"b": "two"}')
    read = variables([("c", "three"), ("d", "x=y")], [str(first), str(second)])
    assert read == {"a": "1", "b": "two", "c": "three", "d": "x=y"}


@pytest.mark.parametrize("text", ["- a", "a: [b]", "a: ", "a: {b: c}", "a: b: c", "text"])
def test_a_file_with_anything_else_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "variables.yml"
    file.write_text(text)
    with pytest.raises(BadRequestError, match=r"variables\.yml:1: "):
        variables([], [str(file)])
