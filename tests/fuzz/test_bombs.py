"""No definition crashes its reader, hangs for more than two seconds, or takes more than 200 MB."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agola.runconfig.evaluation import Evaluator
from tests.fuzz.bombs import BOMBS, JSONNET, STAR
from tests.fuzz.measured import CONTEXT, Measured

MAX_BYTES = 200_000_000
MAX_COMPUTING_SECONDS = 2.0
MAX_WAITING_SECONDS = 4.0  # whoever measures may have to wait, too


@pytest.fixture(scope="module")
def measured() -> dict[tuple[str, str], Measured]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.measured"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=False,
        timeout=110,
    )
    lines = [msgspec.json.decode(line, type=Measured) for line in done.stdout.splitlines()]
    return {(line.file, line.bomb): line for line in lines}


@pytest.mark.xdist_group("bombs")
@pytest.mark.parametrize("bomb", BOMBS, ids=" ".join)
def test_a_bomb_is_read_in_little_time_and_memory(
    measured: dict[tuple[str, str], Measured], bomb: tuple[str, str]
) -> None:
    assert bomb in measured, "the reader has crashed"
    one = measured[bomb]
    assert one.computing_seconds < MAX_COMPUTING_SECONDS, one
    assert one.seconds < MAX_WAITING_SECONDS, one
    assert one.own_bytes < MAX_BYTES, one
    assert one.children_bytes < MAX_BYTES, one
    assert "exit code" not in one.said, one


WORDS = """def main(ctx): return {} [ ] ( ) { } , : ; . ' " \'\'\' ||| # /* // import importstr load
local function if then else for in error assert self super $ + - * / % == ! ~ && || std.range(0,9)
std.trace('',1) ctx x y 'a' 'lib.star' 1 1e999 0x true null None \\ \0 é 😀 lambda: not and or pass
break fail() print() str() json"""
FRAGMENTS = st.sampled_from([*WORDS.split(), "\n", "\n  ", "\t"])


@pytest.mark.parametrize("name", [STAR, JSONNET])
@settings(max_examples=40, deadline=None)
@given(fragments=st.lists(FRAGMENTS, max_size=30))
async def test_every_text_is_a_program_or_has_an_error(name: str, fragments: list[str]) -> None:
    data = " ".join(fragments).encode()
    parsed = await Evaluator().parsed({name: data}, name, CONTEXT)
    assert (parsed.definition is None) == bool(parsed.errors)
    for problem in parsed.errors:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        assert "exit code" not in problem.message
