"""Runs of a work tree, as a user makes and watches them."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.installation import Installation, git, repository

EXAMPLES = Path(__file__).parent.parent.parent / "examples"

ONE_TASK = """
runs:
  - name: one
    tasks:
      - name: task
        runtime: {{containers: [{{image: none}}]}}
        steps:
          - clone:
          - run: {{name: it, command: {command}, tty: {tty}}}
"""

GRAPH = """
runs:
  - name: graph
    tasks:
      - name: good
        runtime: {containers: [{image: none}]}
        steps: [{run: echo fine}]
      - name: bad
        runtime: {containers: [{image: none}]}
        steps: [{run: {name: fail, command: "echo about to fail; exit 3"}}, {run: echo never}]
      - name: after bad
        runtime: {containers: [{image: none}]}
        depends: [bad]
        steps: [{run: echo never}]
      - name: mourner
        runtime: {containers: [{image: none}]}
        depends: [{task: bad, conditions: [on_failure]}]
        steps: [{run: echo mourning}]
"""


def one_task(command: str, *, tty: bool = False) -> str:
    return ONE_TASK.format(command=json.dumps(command), tty=str(tty).lower())


def started(one: Installation, path: Path, *arguments: str) -> dict[str, Any]:
    """Start the run of a repository, and give it as the server does."""
    done = one.agola("directrun", "start", "-o", "json", *arguments, cwd=path)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    return dict(run)


def ended(one: Installation, run_id: str) -> dict[str, Any]:
    """Wait for the end of a run, and give it with its tasks by name."""
    one.agola("run", "watch", run_id)
    got = json.loads(one.agola("run", "get", run_id, "-o", "json").stdout)
    return {"run": got["run"], "tasks": {task["name"]: task for task in got["tasks"]}}


def test_the_example_runs_to_success(shared: Installation, tmp_path: Path) -> None:
    path = tmp_path / "hello"
    shutil.copytree(EXAMPLES / "hello", path)
    git("init", "--quiet", "--initial-branch", "main", cwd=path)
    git("add", "--all", cwd=path)
    git("commit", "--quiet", "--message", "Hello", cwd=path)
    done = shared.agola("directrun", "start", "--watch", cwd=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "success" in done.stdout
    (newest,) = json.loads(shared.agola("run", "list", "--limit", "1", "-o", "json").stdout)["runs"]
    tasks = ended(shared, newest["id"])["tasks"]
    assert {task["status"] for task in tasks.values()} == {"success"}
    assert [task["level"] for task in tasks.values()] == [0, 1, 1, 2]


def test_what_nobody_committed_is_in_the_run_and_nothing_else_changes(
    shared: Installation, tmp_path: Path
) -> None:
    path = repository(tmp_path / "tree", one_task("cat tracked untracked"), tracked="old\n")
    (path / "tracked").write_text("changed\n")
    (path / "untracked").write_text("new\n")
    (path / "staged").write_text("staged\n")
    git("add", "staged", cwd=path)
    before = git("status", "--porcelain=v2", "--branch", cwd=path)
    run = started(shared, path)
    assert ended(shared, run["id"])["run"]["result"] == "success"
    log = shared.agola("run", "logs", run["id"], "--task", "task", "--step", "1").stdout
    assert log == "changed\nnew\n"
    assert git("status", "--porcelain=v2", "--branch", cwd=path) == before
    assert git("for-each-ref", "--format=%(refname)", cwd=path) == "refs/heads/main\n"


def test_a_run_that_fails_says_where(shared: Installation, tmp_path: Path) -> None:
    path = repository(tmp_path / "tree", GRAPH)
    done = shared.agola("directrun", "start", "--watch", cwd=path)
    assert done.returncode == 1
    assert "about to fail" in done.stdout
    assert "mourning" in done.stdout
    run_id = json.loads(shared.agola("run", "list", "-o", "json").stdout)["runs"][0]["id"]
    got = ended(shared, run_id)
    assert got["run"]["result"] == "failed"
    assert {name: task["status"] for name, task in got["tasks"].items()} == {
        "good": "success",
        "bad": "failed",
        "after bad": "skipped",
        "mourner": "success",
    }
    failed, unstarted = got["tasks"]["bad"]["steps"]
    assert (failed["phase"], failed["exit_code"]) == ("failed", 3)
    assert unstarted["phase"] == "notstarted"


def test_a_log_that_does_not_exist_says_so_through_all_hops(
    shared: Installation, tmp_path: Path
) -> None:
    path = repository(tmp_path / "tree", GRAPH)
    run = started(shared, path)
    ended(shared, run["id"])
    unknown = shared.agola("run", "logs", run["id"], "--task", "nobody", "--step", "0")
    assert (unknown.returncode, unknown.stdout) == (4, "")
    assert "TASK_DOES_NOT_EXIST" in unknown.stderr
    never_ran = shared.agola("run", "logs", run["id"], "--task", "bad", "--step", "1")
    assert never_ran.returncode == 4
    assert "LOG_DOES_NOT_EXIST" in never_ran.stderr
    no_step = shared.agola("run", "logs", run["id"], "--task", "bad", "--step", "7")
    assert no_step.returncode == 4
    assert "STEP_DOES_NOT_EXIST" in no_step.stderr


def test_a_large_log_arrives_byte_for_byte(shared: Installation, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(600_000)))
    path = repository(tmp_path / "tree", one_task(f"cat {blob}"))
    run = started(shared, path)
    command = ["run", "logs", run["id"], "--task", "task", "--step", "1"]
    with shared.start_agola(*command, "--follow", cwd=path) as live:
        assert live.stdout is not None
        followed = hashlib.sha256(live.stdout.read()).hexdigest()
        assert live.wait() == 0
    ended(shared, run["id"])
    with shared.start_agola(*command, cwd=path) as later:
        assert later.stdout is not None
        stored = hashlib.sha256(later.stdout.read()).hexdigest()
    assert followed == stored == hashlib.sha256(blob.read_bytes()).hexdigest()


def test_a_stopped_run_leaves_no_process(shared: Installation, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    subprocess.run(["mkfifo", fifo], check=True)
    command = f"(setsid sh -c 'echo $$ > {fifo}; exec sleep 1000') & exec sleep 1000"
    path = repository(tmp_path / "tree", one_task(command))
    run = started(shared, path)
    escapee = int(fifo.read_text())
    done = shared.agola("run", "stop", run["id"])
    assert done.returncode == 0, done.stderr
    assert ended(shared, run["id"])["run"]["result"] == "stopped"
    assert not Path(f"/proc/{escapee}").exists()


def test_a_terminal_is_there_for_who_wants_one(shared: Installation, tmp_path: Path) -> None:
    path = repository(tmp_path / "tree", one_task("test -t 1 && echo terminal", tty=True))
    run = started(shared, path)
    ended(shared, run["id"])
    log = shared.agola("run", "logs", run["id"], "--task", "task", "--step", "1").stdout
    assert log == "terminal\n"


def test_nothing_of_the_server_is_in_a_task(shared: Installation, tmp_path: Path) -> None:
    path = repository(tmp_path / "tree", one_task("env; pwd; ls -A ~"))
    run = started(shared, path)
    ended(shared, run["id"])
    log = shared.agola("run", "logs", run["id"], "--task", "task", "--step", "1").stdout
    assert shared.token not in log
    assert "AGOLA_TOKEN" not in log
    assert "AGOLA_GIT_BRANCH=main" in log
    assert (shared.data_dir / "internal-token").read_text() not in log


def test_twenty_runs_at_once_all_succeed(shared: Installation, tmp_path: Path) -> None:
    paths = [repository(tmp_path / f"tree{n}", one_task(f"echo {n}")) for n in range(20)]
    commands = [shared.start_agola("directrun", "start", "--watch", cwd=path) for path in paths]
    outputs = [command.communicate(timeout=100) for command in commands]
    codes = [command.returncode for command in commands]
    assert codes == [0] * 20, outputs


def test_variables_reach_the_definition(shared: Installation, tmp_path: Path) -> None:
    definition = one_task("echo $GREETING").replace(
        "        steps:",
        "        environment: {GREETING: {from_variable: greeting}}\n        steps:",
    )
    path = repository(tmp_path / "tree", definition)
    run = started(shared, path, "--var", "greeting=good morning")
    ended(shared, run["id"])
    log = shared.agola("run", "logs", run["id"], "--task", "task", "--step", "1").stdout
    assert log == "good morning\n"


def test_inputs_reach_the_task_if_they_fit(shared: Installation, tmp_path: Path) -> None:
    definition = one_task("echo $AGOLA_INPUT_TARGET x $AGOLA_INPUT_COUNT").replace(
        "    tasks:",
        "    inputs: [{name: target, type: choice, choices: [a, b]}, {name: count, type: number}]\n"
        "    tasks:",
    )
    path = repository(tmp_path / "tree", definition)
    run = started(shared, path, "--input", "target=b", "--input", "count=3")
    ended(shared, run["id"])
    log = shared.agola("run", "logs", run["id"], "--task", "task", "--step", "1").stdout
    assert log == "b x 3\n"
    for given, said in {
        "count=many": 'the inputs of run "one" do not fit: "count" must be a number',
        "tagret=b": 'no run that is made has an input "tagret", did you mean "target"?',
    }.items():
        done = shared.agola("directrun", "start", "--input", given, cwd=path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"agola: {said} (INPUT_")
        assert done.stderr.count("\n") == 1
    (newest,) = json.loads(shared.agola("run", "list", "--limit", "1", "-o", "json").stdout)["runs"]
    assert newest["id"] == run["id"]


def test_a_definition_with_mistakes_is_a_run_that_says_them(
    shared: Installation, tmp_path: Path
) -> None:
    path = repository(tmp_path / "tree", "runs:\n  - name: x\n    tasks: [{name: a, steps: 7}]\n")
    run = started(shared, path)
    assert run["phase"] == "setuperror"
    assert any("steps" in problem for problem in run["setup_errors"])


def test_runs_of_others_do_not_exist(shared: Installation, tmp_path: Path) -> None:
    path = repository(tmp_path / "tree", one_task("echo mine"))
    run = started(shared, path)
    ended(shared, run["id"])
    name = f"guest-{run['counter']}"
    assert shared.agola("user", "create", name).returncode == 0
    made = shared.agola("user", "token", "create", "laptop", "--user", name, "-o", "json")
    token = json.loads(made.stdout)["token"]
    guest = {"AGOLA_TOKEN": token if isinstance(token, str) else token["token"]}
    assert json.loads(shared.agola("run", "list", "-o", "json", env=guest).stdout) == {"runs": []}
    for command in ("get", "watch", "stop", "logs"):
        done = shared.agola("run", command, run["id"], env=guest)
        assert (done.returncode, "RUN_DOES_NOT_EXIST" in done.stderr) == (4, True), done.stderr
    assert shared.agola("user", "create", "another", env=guest).returncode == 3


@pytest.mark.parametrize("detached", [False, True])
def test_a_branch_can_be_named(shared: Installation, tmp_path: Path, *, detached: bool) -> None:
    path = repository(tmp_path / "tree", one_task("echo $AGOLA_GIT_BRANCH"))
    if detached:
        git("checkout", "--quiet", "--detach", cwd=path)
    run = started(shared, path, "--branch", "feature/x")
    ended(shared, run["id"])
    log = shared.agola("run", "logs", run["id"], "--task", "task", "--step", "1").stdout
    assert log == "feature/x\n"
