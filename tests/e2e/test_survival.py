"""What is left when everything dies at once, and starts again."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.test_runs import ended, one_task, started
from tests.testbed.installation import Installation, repository

CHAIN = """
runs:
  - name: chain
    tasks:
      - name: first
        runtime: {{containers: [{{image: none}}]}}
        steps: [{{run: {{name: it, command: "echo first; echo first >> {seen}", tty: false}}}}]
      - name: second
        runtime: {{containers: [{{image: none}}]}}
        depends: [first]
        steps:
          - run:
              name: it
              command: "echo second >> {seen}; echo second; echo $$ > {fifo}; sleep 1000"
      - name: third
        runtime: {{containers: [{{image: none}}]}}
        depends: [second]
        steps: [{{run: "echo third >> {seen}"}}]
"""


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def test_a_kill_in_the_middle_of_a_step(own: Installation, tmp_path: Path) -> None:
    seen, pipe = tmp_path / "seen", fifo(tmp_path / "fifo")
    path = repository(tmp_path / "tree", CHAIN.format(seen=seen, fifo=pipe))
    run = started(own, path)
    process = int(pipe.read_text())
    command = ("run", "logs", run["id"], "--task", "second", "--step", "0", "--follow")
    with own.start_agola(*command, cwd=path) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"second\n"  # what is in a pipe is not yet kept
        follower.kill()
    own.kill()
    own.start()
    got = ended(own, run["id"])
    assert not Path(f"/proc/{process}").exists()
    assert got["run"]["result"] == "failed"
    assert {name: task["status"] for name, task in got["tasks"].items()} == {
        "first": "success",
        "second": "failed",
        "third": "skipped",
    }
    assert "restarted" in got["tasks"]["second"]["failure"]
    assert seen.read_text() == "first\nsecond\n"
    for task, step in (("first", "first\n"), ("second", "second\n")):
        log = own.agola("run", "logs", run["id"], "--task", task, "--step", "0")
        assert (log.returncode, log.stdout) == (0, step), log.stderr
    again = started(own, repository(tmp_path / "next", one_task("echo alive")))
    assert ended(own, again["id"])["run"]["result"] == "success"


@pytest.mark.parametrize("graceful", [True, False])
def test_a_second_start_finds_everything_again(
    own: Installation, tmp_path: Path, *, graceful: bool
) -> None:
    path = repository(tmp_path / "tree", one_task("echo kept"))
    run = started(own, path)
    before = ended(own, run["id"])
    token = own.token
    if graceful:
        assert own.stop() == 0
    else:
        own.kill()
    own.start()
    assert own.token == token
    assert ended(own, run["id"]) == before
    assert own.agola("run", "logs", run["id"], "--task", "task", "--step", "1").stdout == "kept\n"
    runs = json.loads(own.agola("run", "list", "-o", "json").stdout)["runs"]
    assert [each["id"] for each in runs] == [run["id"]]
    following = started(own, path)
    assert following["counter"] == run["counter"] + 1
    assert ended(own, following["id"])["run"]["result"] == "success"


def test_kills_at_any_moment_run_no_task_twice(own: Installation, tmp_path: Path) -> None:
    """Kill the whole server again and again while runs are made, wherever they happen to be."""
    seen = tmp_path / "seen"
    path = repository(tmp_path / "tree", one_task(f"echo $AGOLA_GIT_COMMITSHA-$TAG >> {seen}"))
    accepted: list[str] = []
    for round_ in range(6):
        accepted += [started(own, path)["id"] for _ in range(3)]
        if round_ % 2:
            ended(own, accepted[-1])
        own.kill()
        own.start()
    results = [ended(own, run_id)["run"] for run_id in accepted]
    assert {run["phase"] for run in results} == {"finished"}
    succeeded = sum(run["result"] == "success" for run in results)
    assert succeeded <= len(seen.read_text().splitlines()) <= len(accepted)
    last = started(own, path)
    assert ended(own, last["id"])["run"]["result"] == "success"


def test_a_follower_goes_on_behind_a_restart(own: Installation, tmp_path: Path) -> None:
    pipe = fifo(tmp_path / "fifo")
    path = repository(tmp_path / "tree", one_task(f"echo before; echo > {pipe}; sleep 1000"))
    run = started(own, path)
    command = ("run", "logs", run["id"], "--task", "task", "--step", "1", "--follow")
    with own.start_agola(*command, cwd=path) as follower:
        assert follower.stdout is not None
        pipe.read_text()
        assert follower.stdout.readline() == b"before\n"
        own.kill()
        own.start()
        rest, errors = follower.communicate(timeout=100)
        assert (follower.returncode, rest) == (0, b""), errors


def test_the_data_is_served_once(own: Installation) -> None:
    second = subprocess.run(
        own.process.args if own.process else [],
        env=own.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert second.returncode != 0
    assert "DATA_DIR_IN_USE" in second.stderr
    assert len(second.stderr.splitlines()) == 1
