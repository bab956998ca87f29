"""Secrets at rest: nobody who gets hold of a disk reads them."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from agola import datamanager
from agola.config.load import load
from agola.config.model import Config
from agola.core.keyring import Sealer
from agola.model.run_config import RunConfig, RunID
from agola.services.runservice.service import DATA
from agola.services.runservice.store.run_config_record import RUN_CONFIG, RunConfigRecords
from agola.storage import keyring, kv, objects
from tests.e2e.test_runs import ended, started
from tests.testbed.installation import AGOLA, Installation, repository

DEFINITION = """
runs:
  - name: one
    docker_registries_auth:
      r.example.com: {{username: bot, password: {{from_variable: registry}}}}
    tasks:
      - name: task
        runtime:
          containers: [{{image: none, environment: {{A: {{from_variable: container}}}}}}]
        environment: {{B: {{from_variable: task}}, PRINTED: {{from_variable: printed}}}}
        steps:
          - clone:
          - run:
              name: it
              command: 'echo "$PRINTED"; test "$A$B$C"; echo > {fifo}; cat {fifo}'
              environment: {{C: {{from_variable: step}}}}
"""

ONE_TASK = "runs: [{name: one, tasks: [{name: task}]}]"

CANARIES = {name: f"canary-{name}-of-this-test" for name in ("container", "task", "step")}
REGISTRY, PRINTED = "canary-registry-of-this-test", "canary-printed-by-the-task"


def holding(directory: Path, *texts: str) -> Iterator[tuple[str, str]]:
    """Give every file that has one of the texts somewhere in its bytes."""
    for folder, _, names in os.walk(directory):
        for path in (Path(folder) / name for name in names):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                yield from (
                    (str(path.relative_to(directory)), text)
                    for text in texts
                    if text.encode() in content
                )


async def read_config(config: Config, run_id: str) -> RunConfig:
    """Fold everything into a snapshot, and read a run config with the keys of the installation."""
    async with (
        kv.opening(config, "runservice") as live,
        objects.opening(config, "runservice") as files,
        datamanager.opening(live, files, DATA) as data,
    ):
        await data.checkpoint()
        records = RunConfigRecords(Sealer(keyring.opening(config)))
        return records.decode(RunID(run_id), await data.read(RUN_CONFIG, run_id))


def test_no_secret_of_a_run_is_on_the_disk_in_clear(own: Installation, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    path = repository(tmp_path / "tree", DEFINITION.format(fifo=fifo))
    variables = {**CANARIES, "registry": REGISTRY, "printed": PRINTED}
    words = [word for name, value in variables.items() for word in ("--var", f"{name}={value}")]
    run = started(own, path, *words)
    hidden = (*CANARIES.values(), REGISTRY)

    fifo.read_text()  # the task runs: whatever the executor keeps of it is there
    assert not list(holding(tmp_path, *hidden))
    fifo.write_text("go on\n")
    assert ended(own, run["id"])["run"]["result"] == "success"
    export = ("admin", "export", "--quiet", "--with-logs", "--with-archives")
    assert own.agola(*export, str(tmp_path / "export")).returncode == 0
    with TemporaryDirectory() as elsewhere:
        assert own.agola(*export, "--decrypted", f"{elsewhere}/export").returncode == 0
        assert {text for _, text in holding(Path(elsewhere), *hidden)} == set(hidden)
    own.kill()  # so that the write-ahead log of the key-value store stays as it is
    assert not list(holding(tmp_path, *hidden))
    logs = {found for found, _ in holding(tmp_path, PRINTED)}
    assert logs
    assert all("/logs/" in found for found in logs - {"export"})

    config = load(path=None, data_dir=own.data_dir, listen=own.listen, environment={})
    read = asyncio.run(read_config(config, run["id"]))
    (task,) = read.tasks.values()
    assert task.environment["B"] == CANARIES["task"]
    assert task.registries["r.example.com"].password == REGISTRY
    assert read.source is not None
    assert read.source.password
    assert not list(holding(tmp_path, *hidden, read.source.password))


def keys_of(one: Installation) -> dict[str, dict[str, int]]:
    """Say of each service how many records each key encrypts."""
    listed = json.loads(one.agola("admin", "keys", "list", "-o", "json").stdout)
    return {
        service: {key["id"]: key["records"] for key in known["keys"]}
        for service, known in listed.items()
    }


def test_an_administrator_changes_the_key_and_removes_the_old_one(
    own: Installation, tmp_path: Path
) -> None:
    path = repository(tmp_path / "tree", ONE_TASK)
    run = started(own, path)
    (old,) = keys_of(own)["runservice"]
    assert keys_of(own) == {"configstore": {old: 0}, "runservice": {old: 1}}
    refused = own.agola("admin", "keys", "remove", old, "--yes")
    assert "ENCRYPTION_KEY_IS_CURRENT" in refused.stderr
    rotated = own.agola("admin", "keys", "rotate")
    assert rotated.returncode == 0, rotated.stderr
    assert "runservice: 1 of 1 records encrypted anew" in rotated.stdout
    (new,) = keys_of(own)["runservice"].keys() - {old}
    assert keys_of(own) == {"configstore": {old: 0, new: 0}, "runservice": {old: 0, new: 1}}
    assert f"{new}  current" in own.agola("admin", "keys", "list").stdout
    again = json.loads(own.agola("admin", "keys", "rotate", "--resume", "-o", "json").stdout)
    assert again["runservice"] == {"key": new, "records": 1, "encrypted": 0}
    warned = own.agola("admin", "keys", "remove", old)
    assert (warned.returncode, "--yes" in warned.stderr) == (1, True)
    assert old in keys_of(own)["runservice"]
    assert own.agola("admin", "keys", "remove", old, "--yes").returncode == 0
    assert keys_of(own) == {"configstore": {new: 0}, "runservice": {new: 1}}
    assert [key.stem for key in (own.data_dir / "keys").iterdir()] == [new]
    own.kill()
    own.start()
    assert ended(own, run["id"])["run"]["phase"] == "finished"


def test_a_server_without_its_keys_says_so_in_a_line(own: Installation, tmp_path: Path) -> None:
    started(own, repository(tmp_path / "tree", ONE_TASK))
    own.stop()
    (key,) = list((own.data_dir / "keys").iterdir())
    key.rename(own.directory / key.name)
    process = subprocess.run(
        [AGOLA, "serve", "--data-dir", str(own.data_dir), "--listen", own.listen],
        env=own.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode != 0
    last = process.stderr.splitlines()[-1]
    assert "ENCRYPTION_KEY_UNKNOWN" in last
    assert key.stem in last
    assert str(own.data_dir / "keys") in last
    assert not list((own.data_dir / "keys").iterdir())
    (own.directory / key.name).rename(key)
    own.start()
