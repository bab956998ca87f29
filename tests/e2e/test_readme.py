"""What the README shows is what happens."""

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from agola.cli.parser import parser
from tests.e2e.test_runs import ended, started
from tests.testbed.installation import Installation, repository

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for its, text in FENCE.findall(README) if its == language]


def shell_lines() -> list[str]:
    return [line.partition(" # ")[0].strip() for block in blocks("") for line in block.splitlines()]


def commands() -> list[str]:
    """Give every command of ours that is shown, in blocks and in the text."""
    in_text = re.findall(r"`((?:agola|run) [^`]+)`", FENCE.sub("", README))
    ours = (".venv/bin/agola ", "agola ")
    return [line for line in shell_lines() if line.startswith(ours)] + in_text


def known(words: list[str]) -> bool:
    """Say whether the command line knows the command that *words* begin with."""
    level = parser()
    for word in words:
        nested = [a for a in level._actions if isinstance(a, argparse._SubParsersAction)]
        if not nested:
            return True
        if word not in nested[0].choices:
            return False
        level = nested[0].choices[word]
    return True


def test_every_command_exists() -> None:
    shown = commands()
    assert len(shown) > 10
    for line in shown:
        words = [word for word in line.split() if not word.endswith("agola")]
        names = [word for word in words if re.fullmatch("[a-z]+", word)]
        assert known(names), line


def test_every_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_run_that_is_shown_runs(shared: Installation, tmp_path: Path) -> None:
    (definition,) = blocks("yaml")
    path = repository(tmp_path / "tree", definition)
    (path / "hello").mkdir()
    (path / "hello" / "__init__.py").write_text("")
    (path / "test_hello.py").write_text(
        "import unittest\n"
        "class Test(unittest.TestCase):\n"
        "    def test(self):\n"
        "        import hello\n"
    )
    assert ended(shared, started(shared, path)["id"])["run"]["result"] == "success"


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("grpcurl")])
def test_grpcurl_drives_it(shared: Installation, line: str) -> None:
    words = [
        word.replace("127.0.0.1:8000", shared.listen).replace("$AGOLA_TOKEN", shared.token)
        for word in shlex.split(line)
    ]
    done = subprocess.run(
        [BIN / words[0], *words[1:]], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "agola.gateway.v1.RunService" in done.stdout or done.stdout.startswith("{")


def test_every_link_leads_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_exit_codes_are_listed(shared: Installation) -> None:
    shown = shared.agola("--help").stdout
    assert "exit codes:" in shown
    assert "AGOLA_GATEWAY_URL" in shown


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['agola', '--help']\n"
        "from agola.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'grpc', 'google.protobuf', 'asyncio', 'yaml', 'rich', 'msgspec', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "[]"
