"""A backup of a whole installation, taken while it works, and put back: here or elsewhere."""

import json
import os
import select
import shutil
import subprocess
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest

from agola.cli.admin.exportfile import events, sections
from agola.config.model import EtcdKeyValue, PostgresDatabase, S3Objects
from agola.model.export import ExportRecords
from agola.model.group import root_group
from agola.model.run import ArchivedRun
from tests.e2e.test_runs import ended, one_task, started
from tests.testbed.etcd_process import EtcdServer
from tests.testbed.installation import AGOLA, Installation, installation, repository
from tests.unit.maintenance.legacy import original

pytest_plugins = ["tests.testbed.etcd", "tests.testbed.postgres", "tests.testbed.s3"]

EVERYTHING = ("--with-logs", "--with-archives")
OF_THE_PLACE = {"encryptionkey", "usertoken"}
"""Types of records that an installation has for itself, or that change when somebody looks."""


def exported(one: Installation, path: Path, *arguments: str) -> Path:
    done = one.agola("admin", "export", str(path), "--quiet", *arguments)
    assert done.returncode == 0, done.stderr
    return path


def in_maintenance(one: Installation, verb: str, *arguments: str) -> None:
    done = one.agola("admin", "maintenance", verb, *arguments)
    assert done.returncode == 0, done.stderr


def imported(one: Installation, path: Path, *, token: str = "") -> None:
    """Import a backup, after which *token* is one that the gateway knows."""
    in_maintenance(one, "enable")
    done = one.agola("admin", "import", str(path))
    assert done.returncode == 0, done.stderr
    in_maintenance(one, "disable")
    one.token = token or one.token


def contents(path: Path) -> dict[tuple[str, str, str], bytes]:
    """Read what a backup has, by service, type and id."""
    found: dict[tuple[str, str, str], bytes] = {}
    with path.open("rb") as file:
        for header, section in sections(events(file, lambda _: None)):
            for event in section:
                for part in event.records if isinstance(event, ExportRecords) else ():
                    key = (header.service, part.type, part.id)
                    found[key] = found.get(key, b"") + part.data
    return {key: data for key, data in found.items() if key[1] not in OF_THE_PLACE}


@contextmanager
def another(
    directory: Path, *arguments: str, like: Installation
) -> Generator[Installation, None, None]:
    """Run an installation that has the encryption keys of another one."""
    directory.mkdir()
    shutil.copytree(like.data_dir / "keys", directory / "data" / "keys")
    with installation(directory, *arguments) as one:
        yield one


@pytest.fixture
def services(
    tmp_path: Path, etcd_server: EtcdServer, postgres_server: str, s3_objects: S3Objects
) -> Path:
    """Configure an installation that keeps everything in etcd, PostgreSQL and S3."""
    name = f"agola-{uuid4()}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    drivers = {
        "key_value": EtcdKeyValue(endpoints=(etcd_server.endpoint,), prefix=f"{name}/"),
        "objects": s3_objects,
        "database": PostgresDatabase(
            dsn=postgres_server.replace("dbname=postgres", f"dbname={name}")
        ),
    }
    path = tmp_path / "services.yml"
    path.write_bytes(msgspec.json.encode(drivers))
    return path


def test_a_backup_brings_everything_back(own: Installation, tmp_path: Path) -> None:
    path = repository(tmp_path / "tree", one_task("echo kept"))
    run = started(own, path)
    before = ended(own, run["id"])
    backup = exported(own, tmp_path / "backup", *EVERYTHING)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert own.agola("user", "create", "later").returncode == 0
    later = started(own, path)
    ended(own, later["id"])

    imported(own, backup)

    assert ended(own, run["id"]) == before
    assert own.agola("run", "get", later["id"]).returncode != 0
    assert own.agola("run", "logs", run["id"], "--task", "task", "--step", "1").stdout == "kept\n"
    users = json.loads(own.agola("user", "list", "-o", "json").stdout)["users"]
    assert [user["name"] for user in users] == ["admin"]
    again = started(own, path)
    assert again["counter"] == run["counter"] + 1
    assert ended(own, again["id"])["run"]["result"] == "success"


def test_a_backup_moves_to_other_drivers_and_back(
    own: Installation, services: Path, tmp_path: Path
) -> None:
    definition = one_task("head -c 700000 /dev/zero; echo kept")
    secret = definition.replace("steps:", "environment: {WORD: of-mine}\n        steps:")
    path = repository(tmp_path / "tree", secret)
    run = started(own, path)
    before = ended(own, run["id"])
    backup = exported(own, tmp_path / "one", *EVERYTHING)
    clear = contents(exported(own, tmp_path / "clear", *EVERYTHING, "--decrypted"))
    assert "of-mine" in str(clear)
    assert "of-mine" not in str(contents(backup))

    with another(tmp_path / "there", "--config", str(services), like=own) as there:
        imported(there, backup, token=own.token)
        same(there, before)
        onwards = exported(there, tmp_path / "two", *EVERYTHING, "--decrypted")
        assert contents(onwards) == clear
        goes_on(there, path, before)

    with installation(made(tmp_path / "again")) as again:
        imported(again, onwards, token=own.token)
        same(again, before)
        assert contents(exported(again, tmp_path / "3", *EVERYTHING, "--decrypted")) == clear
        assert "of-mine" not in str(contents(exported(again, tmp_path / "4")))
        goes_on(again, path, before)


def test_secrets_are_of_no_use_without_their_keys(own: Installation, tmp_path: Path) -> None:
    path = repository(tmp_path / "tree", one_task("true"))
    ended(own, started(own, path)["id"])
    backup = exported(own, tmp_path / "backup")
    with installation(made(tmp_path / "there")) as there:
        in_maintenance(there, "enable")
        done = there.agola("admin", "import", str(backup))
        assert done.returncode != 0
        assert "ENCRYPTION_KEY_UNKNOWN" in done.stderr
        in_maintenance(there, "disable")  # with its own users: nothing was replaced
        assert json.loads(there.agola("run", "list", "-o", "json").stdout)["runs"] == []


def test_a_backup_in_the_middle_of_work_holds_together(own: Installation, tmp_path: Path) -> None:
    path = repository(tmp_path / "tree", one_task("echo kept"))
    enough = threading.Event()

    def work() -> None:
        number = 0
        while not enough.is_set():
            number += 1
            assert own.agola("user", "create", f"user{number}").returncode == 0
            token = own.agola("user", "token", "create", "t", "--user", f"user{number}")
            done = own.agola(
                "directrun", "start", cwd=path, env={"AGOLA_TOKEN": token.stdout.strip()}
            )
            assert done.returncode == 0, done.stderr

    with ThreadPoolExecutor() as pool:
        working = pool.submit(work)
        backups = [exported(own, tmp_path / f"{number}", *EVERYTHING) for number in range(5)]
        enough.set()
        working.result()
    held = [contents(backup) for backup in backups]
    for one in held:
        _holds_together(one)
    assert len({id_ for _, type_, id_ in held[-1] if type_ == "run"}) > 1
    imported(own, backups[-1])
    _holds_together(contents(exported(own, tmp_path / "again", *EVERYTHING)))
    assert contents(tmp_path / "again").keys() == held[-1].keys()


def _holds_together(held: dict[tuple[str, str, str], bytes]) -> None:
    """See that everything that a run mentions is in the same backup."""
    for (_, type_, id_), data in held.items():
        if type_ == "run":
            archived = msgspec.json.decode(data, type=ArchivedRun)
            owner = archived.run.group.split("/")[2]
            assert ("configstore", "user", owner) in held
            assert ("runservice", "runconfig", id_) in held
            last = held[
                "runservice",
                "runcounter",
                root_group(archived.run.group).strip("/").replace("/", "-"),
            ]
            assert int(last) >= archived.run.counter
            for task in archived.tasks:
                assert held["runservice", "file", f"logs/{task.id}/data/steps/1.log"] == b"kept\n"
                assert ("runservice", "file", f"logs/{task.id}/runs/{id_}") in held


def same(there: Installation, before: dict[str, Any]) -> None:
    """See that a run is what it was, with its log."""
    run_id = before["run"]["id"]
    assert ended(there, run_id) == before
    log = there.agola("run", "logs", run_id, "--task", "task", "--step", "1")
    assert log.stdout == "\0" * 700_000 + "kept\n"


def goes_on(there: Installation, path: Path, before: dict[str, Any]) -> None:
    """See that the next run has the next number."""
    run = started(there, path)
    assert run["counter"] == before["run"]["counter"] + 1
    assert ended(there, run["id"])["run"]["result"] == "success"


def made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def test_a_damaged_file_changes_nothing(own: Installation, tmp_path: Path) -> None:
    backup = exported(own, tmp_path / "backup")
    whole = backup.read_bytes()
    in_maintenance(own, "enable")
    for damaged in (whole[:-1], whole[:-80], whole[:200], whole.replace(b"admin", b"bdmin"), b""):
        backup.write_bytes(damaged)
        done = own.agola("admin", "import", str(backup))
        assert done.returncode != 0
        assert "EXPORT_INVALID" in done.stderr
    in_maintenance(own, "disable")
    assert own.agola("user", "list").returncode == 0


def test_nobody_imports_without_maintenance_mode(own: Installation, tmp_path: Path) -> None:
    backup = exported(own, tmp_path / "backup")
    done = own.agola("admin", "import", str(backup))
    assert done.returncode == 1
    assert "first: agola admin maintenance enable (" in done.stderr


def test_a_backup_goes_through_pipes(own: Installation) -> None:
    piped = subprocess.run(
        [AGOLA, "admin", "export", "-"], env=own.environment, capture_output=True, check=True
    )
    assert piped.stdout.startswith(b"agola export 1\n")
    in_maintenance(own, "enable")
    done = subprocess.run(
        [AGOLA, "admin", "import", "-", "--service", "configstore"],
        env=own.environment,
        input=piped.stdout,
        capture_output=True,
        check=True,
    )
    assert b"configstore: 1 encryptionkey, 1 projectgroup, 1 user" in done.stdout
    in_maintenance(own, "disable")


def test_a_file_is_there_whole_or_as_it_was(own: Installation, tmp_path: Path) -> None:
    place = tmp_path / "backup"
    place.write_text("an older one")
    own.kill()
    assert own.agola("admin", "export", str(place)).returncode != 0
    assert place.read_text() == "an older one"
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_only_an_administrator_may_take_or_bring_a_backup(
    own: Installation, tmp_path: Path
) -> None:
    backup = exported(own, tmp_path / "backup")
    assert own.agola("user", "create", "somebody").returncode == 0
    token = own.agola("user", "token", "create", "t", "--user", "somebody").stdout.strip()
    for verb in ("export", "import"):
        done = own.agola("admin", verb, str(backup), env={"AGOLA_TOKEN": token})
        assert done.returncode == 3
        assert "ADMIN_REQUIRED" in done.stderr


def test_tasks_of_runs_that_are_gone_are_stopped(own: Installation, tmp_path: Path) -> None:
    backup = exported(own, tmp_path / "backup")
    pipe = tmp_path / "fifo"
    os.mkfifo(pipe)
    path = repository(tmp_path / "tree", one_task(f"echo $$ > {pipe}; sleep 1000"))
    started(own, path)
    process = os.pidfd_open(int(pipe.read_text()))
    imported(own, backup)
    assert json.loads(own.agola("run", "list", "-o", "json").stdout)["runs"] == []
    ready, _, _ = select.select([process], [], [], 60)
    os.close(process)
    assert ready, "the task goes on without its run"
    done = ended(own, started(own, repository(tmp_path / "next", one_task("true")))["id"])
    assert done["run"]["result"] == "success"


def test_what_the_original_exported_is_taken_over(own: Installation, tmp_path: Path) -> None:
    users, runs = tmp_path / "users.json", tmp_path / "runs.json"
    alice = original.user(original.USER, "alice", admin=True, tokens={"ci": "0123abc"})
    root = "f0000000-0000-4000-8000-000000000000"
    users.write_bytes(original.export([alice, original.group(root, ("user", original.USER))]))
    task, _ = original.TASKS
    ids = [original.run_id(number) for number in (1, 2, 31)]
    step = original.run_step("s", "true")
    runs.write_bytes(
        original.export(
            [
                *(
                    original.run(one, original.task_state(task, "success", original.step_state()))
                    for one in ids
                ),
                *(original.run_config(one, original.task_config(task, "b", step)) for one in ids),
            ]
        )
    )
    in_maintenance(own, "enable")
    done = own.agola("admin", "import", str(runs))
    assert done.returncode == 2
    assert "--service" in done.stderr
    for service, path in (("configstore", users), ("runservice", runs)):
        done = own.agola("admin", "import", str(path), "--service", service)
        assert done.returncode == 0, done.stderr
    assert "runservice: 3 run, 3 runconfig" in done.stdout
    in_maintenance(own, "disable", "--service", "runservice")
    in_maintenance(own, "disable", "--service", "configstore", "--no-wait")
    own.token = "0123abc"
    in_maintenance(own, "disable")
    for run_id in ids:
        assert ended(own, run_id)["run"]["result"] == "success"


def test_a_cut_export_of_the_original_changes_nothing(own: Installation, tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    whole = original.export([original.user(original.USER, "alice")])
    path.write_bytes(whole[:-5])
    in_maintenance(own, "enable")
    done = own.agola("admin", "import", str(path), "--service", "configstore")
    assert "EXPORT_INVALID" in done.stderr
    in_maintenance(own, "disable")
    assert "admin" in own.agola("user", "list").stdout
