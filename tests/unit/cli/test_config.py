"""`agola config`: definitions are checked and planned where they are written, without a server."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from agola.cli import exits
from agola.cli.main import main
from agola.runconfig.schema import schema

DEFINITION = """\
runs:
  - name: all
    tasks:
      - {name: build, when: {tag: /^v/}}
      - {name: test, depends: [build]}
      - {name: lint}
      - name: tell
        depends: [{build: [on_skipped]}, lint]
        approval: true
        steps: [{run: a}, {run: {command: b, when: {branch: other}}}]
  - {name: nightly, when: {branch: nightly}, tasks: [{name: t}]}
"""

PLAN = """\
run all: made: no `when`
   0  build  skipped: nothing includes refs/heads/main
      lint
   1  test   skipped with build; after build
      tell   after build (on_skipped), lint; needs an approval
             without step 1 "b": nothing includes refs/heads/main
run nightly: not made: nothing includes refs/heads/main
"""

WRONG = """\
runs:
  - name: r
    tasks:
\t# a tab is no indentation
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".agola").mkdir()
    (tmp_path / ".agola" / "config.yml").write_text(DEFINITION)
    return tmp_path


def test_a_plan_draws_the_tasks_by_level(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "plan", str(repository), "--branch", "main"]) == exits.OK
    assert capsys.readouterr().out == PLAN


def test_a_plan_is_of_the_definition_here_if_no_path_is_given(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository)
    assert main(["config", "plan", "--tag", "v1", "-o", "json"]) == exits.OK
    run, nightly = json.loads(capsys.readouterr().out)["runs"]
    assert (run["name"], run["selected"], nightly["selected"]) == ("all", True, False)
    assert run["tasks"][0] == {
        "name": "build",
        "level": 0,
        "skipped": False,
        "why": 'tag include "/^v/"',
        "depends": [],
        "conditions": {},
        "blocked_by": [],
        "approval": False,
        "steps_left_out": [],
    }
    assert run["tasks"][3]["depends"] == ["build", "lint"]
    assert run["tasks"][3]["conditions"] == {"build": ["on_skipped"], "lint": ["on_success"]}


def test_a_plan_may_be_of_any_ref_message_and_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ci.yml"
    path.write_text(
        "runs: [{name: r, when: {ref: '#^refs/pull/#', paths: 'src/**'}, tasks: [{name: t}]}]"
    )
    plan = ["config", "plan", str(path), "--ref", "refs/pull/7/head"]

    def line(*more: str) -> str:
        assert main([*plan, *more]) == exits.OK
        return capsys.readouterr().out.splitlines()[0]

    unknown = 'run r: made: ref include "#^refs/pull/#", the changed files are not known'
    assert line() == unknown
    assert line("--changed-file", "a", "--changed-file", "src/b").startswith("run r: made: ")
    assert line("--changed-file", "a") == "run r: not made: no changed file is in the paths"
    skipped = "run r: not made: the message of the commit asks for no runs"
    assert line("--message", "[ci skip]") == skipped


def test_a_definition_with_errors_has_no_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ci.yml"
    path.write_text("runs: []\n")
    assert main(["config", "plan", str(path), "--branch", "main"]) == exits.FAILED
    out, err = capsys.readouterr()
    assert not out
    assert f"{path}:1:7: error: runs: no runs are defined" in err


def test_a_ref_that_is_of_no_kind_is_refused(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "plan", str(repository), "--ref", "main"]) == exits.USAGE
    assert "GIT_REF_INVALID" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "name", "ref"),
    [
        ("--tag", "a b", "refs/tags/a b"),
        ("--branch", "a..b", "refs/heads/a..b"),
        ("--ref", "refs/heads/.x", "refs/heads/.x"),
    ],
)
def test_a_ref_that_git_would_not_take_is_refused(
    repository: Path, option: str, name: str, ref: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "plan", str(repository), option, name]) == exits.USAGE
    said = f'agola: git allows no ref "{ref}" (GIT_REF_INVALID)\n'
    assert capsys.readouterr().err == said


def test_every_file_is_reported_and_one_that_is_wrong_is_enough_to_fail(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = repository / "wrong.yml"
    wrong.write_text(WRONG)
    paths = [str(repository), str(wrong)]
    assert main(["config", "check", *paths, "-o", "json"]) == exits.FAILED
    good, bad = json.loads(capsys.readouterr().out)
    config = str(repository / ".agola" / "config.yml")
    assert good == {"path": config, "valid": True, "errors": [], "warnings": []}
    assert (bad["path"], bad["valid"]) == (str(wrong), False)
    assert {"line", "column", "path", "message", "hint"} == set(bad["errors"][0])
    assert bad["errors"][0]["line"] == 4
    assert main(["config", "check", str(repository)]) == exits.OK
    assert capsys.readouterr().out == f"{config}: ok\n"


def test_a_file_that_is_not_there_is_wrong_like_any_other(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = repository / "missing.yml"
    paths = [str(missing), str(repository)]
    assert main(["config", "check", *paths, "-o", "json"]) == exits.FAILED
    bad, good = json.loads(capsys.readouterr().out)
    assert (bad["path"], bad["valid"], good["valid"]) == (str(missing), False, True)
    assert "does not exist" in bad["errors"][0]["message"]


def test_what_cannot_be_read_is_wrong_for_its_true_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fifo, loop, broken = (tmp_path / name for name in ("fifo.yml", "loop.yml", "broken.yml"))
    os.mkfifo(fifo)
    loop.symlink_to(loop)
    broken.symlink_to(tmp_path / "nothing")
    failing = Path("/proc/self/mem")
    paths = [fifo, loop, broken, failing, fifo / "below"]
    assert main(["config", "check", *map(str, paths)]) == exits.FAILED
    assert capsys.readouterr().out.splitlines() == [
        f"{fifo}:1:1: error: {fifo} cannot be read: it is no regular file",
        f"{loop}:1:1: error: {loop} cannot be read: Too many levels of symbolic links",
        f"{broken}:1:1: error: {broken} cannot be read: it is a link to what does not exist",
        f"{failing}:1:1: error: Input/output error",
        f"{fifo / 'below'}:1:1: error: {fifo / 'below'} does not exist",
    ]


def test_a_definition_that_cannot_be_read_is_not_passed_over(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    star = repository / ".agola" / "config.star"  # would count before the config.yml beside it
    star.symlink_to(star)
    assert main(["config", "check", str(repository)]) == exits.FAILED
    assert f"{star} cannot be read: Too many levels" in capsys.readouterr().out
    assert main(["config", "plan", str(repository), "--branch", "main"]) == exits.FAILED
    assert "Too many levels of symbolic links (CONFIG_UNREADABLE)" in capsys.readouterr().err


def test_a_directory_without_a_definition_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    assert main(["config", "check", "sub", "."]) == exits.FAILED
    assert capsys.readouterr().out.splitlines() == [
        "sub:1:1: error: sub has no .agola/config.*",
        ".:1:1: error: . has no .agola/config.*",
    ]


def test_programs_are_evaluated_for_the_ref_with_what_they_import(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / ".agola"
    (folder / "lib").mkdir(parents=True)
    (folder / "config.jsonnet").write_text(
        "local named = import 'lib/named.libsonnet';\n"
        "function(ctx) { runs: [named(ctx.branch) + {tasks: [{name: 't'}]}] }\n"
    )
    (folder / "lib" / "named.libsonnet").write_text("function(name) { name: name }\n")
    assert main(["config", "plan", str(tmp_path), "--branch", "dev"]) == exits.OK
    assert capsys.readouterr().out == "run dev: made: no `when`\n   0  t\n"


def test_an_error_is_told_where_it_is_in_an_import_or_in_what_a_program_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / ".agola"
    folder.mkdir()
    program = folder / "config.star"
    program.write_text("load('lib.star', 'named')\ndef main(ctx):\n    return named(ctx)\n")
    (folder / "lib.star").write_text("def named(ctx):\n    return {'runs': nothing}\n")
    assert main(["config", "check", str(tmp_path)]) == exits.FAILED
    assert capsys.readouterr().out.startswith(f"{folder / 'lib.star'}:2:21: error: ")
    (folder / "lib.star").write_text("def named(ctx):\n    return {'runs': []}\n")
    assert main(["config", "check", str(tmp_path)]) == exits.FAILED
    said = f"{program} (evaluated):2:10: error: runs: no runs are defined"
    assert capsys.readouterr().out.startswith(said)


def test_a_terminal_is_shown_the_line_and_a_caret(tmp_path: Path) -> None:
    path = tmp_path / "ci.yml"
    long = "x" * 300
    path.write_text(
        "runs:\n  - name: r\n    tasks: [{name: t, stepz: []}]\n"
        f"  - {{name: s, tasks: [{{name: {long}, approval: maybe}}]}}\n"
    )
    shown = on_a_terminal("config", "check", str(path))
    assert (
        f'{path}:3:23: warning: runs[0].tasks[0].stepz: "stepz" is no known key\n'
        " 3 |     tasks: [{name: t, stepz: []}]\n"
        "   |                       ^\n"
        '   = did you mean "steps"?\n'
    ) in shown
    [line] = [one for one in shown.splitlines() if "maybe" in one and "|" in one]
    caret = shown.splitlines()[shown.splitlines().index(line) + 1]
    assert line[caret.index("^") :].startswith("maybe")
    assert len(line) < 120


def test_a_caret_stands_below_what_is_meant_whatever_is_before_it(tmp_path: Path) -> None:
    path = tmp_path / "ci.yml"
    path.write_text("\ufeff# a mark\x85runs: [{name: 日本, approvaal: yes, tasks: [{name: t}]}]\n")
    lines = on_a_terminal("config", "check", str(path)).splitlines()
    shown = next(number for number, line in enumerate(lines) if " | runs:" in line)
    assert lines[shown] == " 2 | runs: [{name: 日本, approvaal: yes, tasks: [{name: t}]}]"
    assert lines[shown + 1] == "   | " + " " * len("runs: [{name: 1122, ") + "^"


def on_a_terminal(*argv: str) -> str:
    """Give what a command prints when its output is a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "agola.cli.main", *argv]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=Path(__file__).parents[3]):
        os.close(theirs)
        shown = b""
        while more := _read(ours):
            shown += more
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody has the other end any more
        return b""


def test_the_schema_is_printed_for_editors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == exits.OK
    printed = json.loads(capsys.readouterr().out)
    assert printed == schema()
    jsonschema.Draft202012Validator.check_schema(printed)


@pytest.mark.parametrize(
    "argv", [["check", "."], ["plan", ".", "--branch", "main"], ["schema"]], ids=lambda a: a[0]
)
def test_none_of_it_needs_a_server_or_its_libraries(repository: Path, argv: list[str]) -> None:
    program = (
        "import sys\n"
        "from agola.cli.main import main\n"
        f"assert main(['config', *{argv!r}]) == 0\n"
        "print('heavy:', sorted({'grpc', 'google.protobuf', 'rich'} & set(sys.modules)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=repository,
        env=environment,
    )
    assert "heavy: []" in done.stdout
