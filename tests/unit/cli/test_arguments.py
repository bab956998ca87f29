"""The command line refuses what is wrong in a sentence, and is quick about it."""

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from agola.cli import exits
from agola.cli.main import main
from agola.cli.parser import parser


def ends(*argv: str) -> int:
    """Give the exit code of a command, argparse's own included."""
    try:
        return main(argv)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["frobnicate"],
        ["run"],
        ["run", "get"],
        ["run", "list", "--frob"],
        ["run", "list", "--limit", "0"],
        ["run", "list", "--limit", "many"],
        ["run", "list", "--phase", "asleep"],
        ["run", "list", "--user", "a", "--project", "b"],
        ["run", "logs", "1", "--step", "-1"],
        ["run", "logs", "1", "--step", "0", "--setup"],
        ["directrun", "start", "--branch", "a", "--tag", "b"],
        ["directrun", "start", "--var", "name"],
        ["directrun", "start", "--var", "=value"],
        ["directrun", "start", "--var", "name="],
        ["directrun", "start", "--input", "name"],
        ["directrun", "start", "--input", "=value"],
        ["directrun", "start", "--untracked", "false"],
        ["user", "create"],
        ["login", "-o", "yaml"],
        ["config", "plan"],
        ["config", "plan", "--branch", ""],
        ["config", "plan", "--branch", "a", "--tag", "b"],
    ],
)
def test_a_wrong_command_line_is_a_usage_error(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(*argv) == exits.USAGE
    out, err = capsys.readouterr()
    assert not out
    assert "error:" in err


@pytest.mark.parametrize(
    "given", ["0", "-1", "1000000000", "1e3", "\N{FULLWIDTH DIGIT ONE}", "", "9" * 5000]
)
def test_a_number_out_of_bounds_is_told_both_bounds(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends("run", "list", f"--limit={given}") == exits.USAGE
    [*_, said] = capsys.readouterr().err.splitlines()
    shown = repr(given[:20])
    expected = f"argument --limit: {shown} is no whole number from 1 to 999999999"
    assert said == f"agola run list: error: {expected}"


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["run", "list"], exits.REFUSED, "no token for http://127.0.0.1:8000"),
        (["run", "list", "--token", "ü"], exits.REFUSED, "the token is not valid"),
        (
            ["run", "list", "--token", "t", "--gateway-url", "http://127.0.0.1:1"],
            exits.UNAVAILABLE,
            "cannot reach the gateway at http://127.0.0.1:1: Connection refused",
        ),
        (
            ["run", "list", "--token", "t", "--gateway-url", "ftp://x"],
            exits.USAGE,
            '"ftp://x" is no address of a gateway',
        ),
        (["run", "logs", "1", "--step", "0"], exits.USAGE, "need a --task"),
        (
            ["config", "plan", "/nowhere", "--branch", "b"],
            exits.NOT_FOUND,
            "/nowhere does not exist",
        ),
        (["directrun", "start"], exits.FAILED, "is not in a git repository"),
        (
            ["directrun", "start", "--var-file", "/nowhere"],
            exits.USAGE,
            "/nowhere: No such file",
        ),
    ],
)
def test_an_error_is_one_sentence_and_an_exit_code(  # noqa: PLR0917 (fixtures)
    argv: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ends(*argv) == code
    out, err = capsys.readouterr()
    assert not out
    assert said in err
    assert err.startswith("agola: ")
    assert err.count("\n") == 1


def test_inputs_are_names_and_values() -> None:
    argv = ["directrun", "start", "--input", "target=live", "--input", "note=a=b"]
    assert parser().parse_args(argv).inputs == [("target", "live"), ("note", "a=b")]


def test_help_says_the_exit_codes_and_imports_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "from agola.cli.main import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "finally:\n"
        "    heavy = {'grpc', 'yaml', 'rich', 'msgspec', 'asyncio', 'google'} & set(sys.modules)\n"
        "    print('heavy:', sorted(heavy))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0
    assert "130  interrupted" in done.stdout
    assert "heavy: []" in done.stdout


def test_every_command_names_a_function_that_exists() -> None:
    for command in commands(parser()):
        module, _, function = command.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def commands(top: object) -> set[str]:
    """Give the functions that all leaves of a parser name."""
    assert isinstance(top, argparse.ArgumentParser)
    found = {top.get_default("command")} - {None}
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                found |= commands(inner)
    return found


def test_a_definition_is_checked_without_a_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / ".agola" / "config.yml"
    config.parent.mkdir()
    config.write_text("runs: [{name: r, tasks: [{name: t, stepz: []}]}]\n")
    assert main(["config", "check", str(tmp_path)]) == exits.OK
    assert 'did you mean "steps"?' in capsys.readouterr().out
    assert main(["config", "check", "--strict", "-o", "json", str(tmp_path)]) == exits.FAILED
    [report] = json.loads(capsys.readouterr().out)
    assert (report["path"], report["valid"], report["errors"]) == (str(config), False, [])
    assert report["warnings"] == [
        {
            "line": 1,
            "column": 36,
            "path": "runs[0].tasks[0].stepz",
            "message": '"stepz" is no known key',
            "hint": 'did you mean "steps"?',
        }
    ]
    config.write_text("runs: []\n")
    assert main(["config", "check", str(config)]) == exits.FAILED
    assert f"{config}:1:7: error: runs: no runs are defined" in capsys.readouterr().out
