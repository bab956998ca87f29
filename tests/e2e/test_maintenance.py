"""Maintenance mode as administrators, users and their runs live through it."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agola.cli import exits
from tests.e2e.test_runs import ended, one_task, started
from tests.e2e.test_survival import fifo
from tests.testbed.installation import Installation, repository

CHAIN = """
runs:
  - name: chain
    tasks:
      - name: long
        runtime: {{containers: [{{image: none}}]}}
        steps:
          - run:
              name: it
              command: "echo before; echo > {begun}; cat {gate}; echo during"
              tty: false
          - save_to_workspace: {{contents: [{{source_dir: ., paths: ["**"]}}]}}
      - name: next
        runtime: {{containers: [{{image: none}}]}}
        depends: [long]
        steps: [{{restore_workspace: {{dest_dir: .}}}}, {{run: echo after}}]
"""


def maintenance(one: Installation, verb: str, *arguments: str) -> None:
    done = one.agola("admin", "maintenance", verb, *arguments)
    assert done.returncode == 0, done.stderr


@contextmanager
def set_aside(one: Installation, *arguments: str) -> Generator[None, None, None]:
    """Be in maintenance mode while the block runs."""
    maintenance(one, "enable", *arguments)
    yield
    maintenance(one, "disable", *arguments)


def alice(one: Installation) -> dict[str, str]:
    """Create a user, and give what she needs to call."""
    assert one.agola("user", "create", "alice").returncode == 0
    made = one.agola("user", "token", "create", "laptop", "--user", "alice")
    return {"AGOLA_TOKEN": made.stdout.strip()}


def modes(one: Installation) -> dict[str, list[bool]]:
    """Give the mode of each instance of each service."""
    status = json.loads(one.agola("admin", "maintenance", "status", "-o", "json").stdout)
    return {
        name: [instance["maintenance"] for instance in service["instances"]]
        for name, service in status.items()
    }


def test_an_administrator_closes_the_door_and_opens_it_again(own: Installation) -> None:
    hers = alice(own)
    closed = own.agola("admin", "maintenance", "enable")
    assert closed.returncode == 0, closed.stderr
    titles, *rows = [line.split() for line in closed.stdout.splitlines()]
    assert titles == ["SERVICE", "INSTANCE", "REQUESTED", "MODE", "SINCE"]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("runservice", "maintenance", "maintenance"),
        ("configstore", "maintenance", "maintenance"),
    ]
    refused = own.agola("run", "list")
    assert refused.returncode == exits.UNAVAILABLE
    assert refused.stderr.startswith("agola: the runservice is in maintenance mode: ")
    assert "(MAINTENANCE)" in refused.stderr
    for command in (("run", "list"), ("admin", "maintenance", "status")):
        refused = own.agola(*command, env=hers)
        assert refused.returncode == exits.UNAVAILABLE
        assert "the configstore is in maintenance mode" in refused.stderr
    opened = own.agola("admin", "maintenance", "disable", "-o", "json")
    assert opened.returncode == 0, opened.stderr
    assert list(json.loads(opened.stdout)) == ["runservice", "configstore"]
    assert own.agola("run", "list", env=hers).returncode == 0


@pytest.mark.parametrize("graceful", [True, False])
def test_the_door_stays_closed_when_everything_starts_anew(
    own: Installation, *, graceful: bool
) -> None:
    hers = alice(own)
    maintenance(own, "enable")
    if graceful:
        assert own.stop() == 0
    else:
        own.kill()
    own.start()
    assert "maintenance mode" in own.agola("run", "list").stderr
    assert "maintenance mode" in own.agola("run", "list", env=hers).stderr
    assert True in modes(own)["configstore"]
    maintenance(own, "disable")
    assert own.agola("run", "list", env=hers).returncode == 0


def test_only_administrators_may(own: Installation) -> None:
    hers = alice(own)
    for verb in ("enable", "disable", "status"):
        refused = own.agola("admin", "maintenance", verb, env=hers)
        assert refused.returncode == exits.REFUSED
        assert "ADMIN_REQUIRED" in refused.stderr
    assert modes(own) == {"configstore": [False], "runservice": [False]}


def test_one_service_is_set_aside_without_the_other(own: Installation) -> None:
    hers = alice(own)
    with set_aside(own, "--service", "configstore"):
        assert modes(own) == {"configstore": [True], "runservice": [False]}
        assert own.agola("run", "list").returncode == 0
    with set_aside(own, "--service", "runservice"):
        assert modes(own) == {"configstore": [False], "runservice": [True]}
        assert own.agola("user", "list").returncode == 0
        told = own.agola("run", "list", env=hers)
        assert "the runservice is in maintenance mode" in told.stderr


def test_nobody_needs_to_wait(own: Installation) -> None:
    for verb, expected in (("enable", True), ("disable", False)):
        maintenance(own, verb, "--no-wait")
        maintenance(own, verb)
        assert modes(own) == {"configstore": [expected], "runservice": [expected]}


@pytest.mark.parametrize("goes_on", ["meanwhile", "afterwards"])
def test_a_run_goes_on_through_maintenance(own: Installation, tmp_path: Path, goes_on: str) -> None:
    begun, gate = fifo(tmp_path / "begun"), fifo(tmp_path / "gate")
    path = repository(tmp_path / "tree", CHAIN.format(begun=begun, gate=gate))
    run = started(own, path)
    begun.read_text()
    with set_aside(own):
        if goes_on == "meanwhile":
            gate.write_text("")
    if goes_on == "afterwards":
        gate.write_text("")
    got = ended(own, run["id"])
    assert got["run"]["result"] == "success"
    for task, step, log in (("long", "0", "before\nduring\n"), ("next", "1", "after\n")):
        read = own.agola("run", "logs", run["id"], "--task", task, "--step", step)
        assert read.stdout == log, read.stderr
    again = started(own, repository(tmp_path / "next", one_task("echo alive")))
    assert ended(own, again["id"])["run"]["result"] == "success"


def test_a_follower_goes_on_behind_maintenance(own: Installation, tmp_path: Path) -> None:
    begun, gate = fifo(tmp_path / "begun"), fifo(tmp_path / "gate")
    path = repository(tmp_path / "tree", CHAIN.format(begun=begun, gate=gate))
    run = started(own, path)
    command = ("run", "logs", run["id"], "--task", "long", "--step", "0", "--follow")
    with own.start_agola(*command, cwd=path) as follower:
        assert follower.stdout is not None
        begun.read_text()
        assert follower.stdout.readline() == b"before\n"
        with set_aside(own):
            gate.write_text("")
        rest, errors = follower.communicate(timeout=100)
    assert (follower.returncode, rest) == (0, b"during\n"), errors
