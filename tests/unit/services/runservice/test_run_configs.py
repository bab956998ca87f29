"""Run configs as they are kept: what is secret, and what stays readable."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from agola import datamanager
from agola.config.model import Config
from agola.core.errors import InternalError
from agola.core.keyring import Key, Sealer
from agola.datamanager.port import Action, DataManager
from agola.maintenance.key_register import KeyRegister
from agola.model.run_config import (
    Container,
    GitSource,
    RegistryAuth,
    RunConfig,
    RunID,
    RunStep,
    Runtime,
    TaskConfig,
    TaskID,
)
from agola.services.runservice.store.run_config_record import RUN_CONFIG, RunConfigRecords
from agola.services.runservice.store.run_configs import StoredRunConfigs, run_configs
from agola.storage import kv, objects
from tests.fakes.keys import FixedKeys

OLD, NEW = Key("old", bytes(32)), Key("new", bytes([1]) * 32)
CANARY = "canary"


def a_config(run_id: str = "r") -> RunConfig:
    """Make a run config in which everything that is secret says so."""
    step = RunStep(name="build", command="make", environment={"STEP": f"{CANARY}-step"})
    runtime = Runtime(
        containers=(
            Container(image="alpine", environment={"FIRST": f"{CANARY}-first"}),
            Container(image="postgres", environment={"SECOND": f"{CANARY}-second"}),
        )
    )
    task = TaskConfig(
        id=TaskID("t"),
        name="task",
        runtime=runtime,
        environment={"TASK": f"{CANARY}-task", "EMPTY": ""},
        steps=(step, RunStep(name="other", command="true")),
        registries={
            "r.example.com": RegistryAuth(username="bot", password=f"{CANARY}-password"),
            "e.example.com": RegistryAuth(auth=f"{CANARY}-auth"),
        },
    )
    return RunConfig(
        id=RunID(run_id),
        name="run",
        group="/user/u",
        tasks={task.id: task},
        static_environment={"STATIC": f"{CANARY}-static"},
        environment={"RUN": f"{CANARY}-run"},
        source=GitSource(
            url="http://git", ref="main", commit="c", username="git", password=f"{CANARY}-git"
        ),
    )


@pytest.fixture
async def data(tmp_path: Path) -> AsyncGenerator[DataManager, None]:
    config = Config(data_dir=tmp_path)
    async with (
        kv.opening(config, "runservice") as live,
        objects.opening(config, "runservice") as files,
        datamanager.opening(live, files, "data") as opened,
    ):
        yield opened


def read_anew(data: DataManager, *keys: Key) -> StoredRunConfigs:
    """Give the run configs to a process that has none in its memory."""
    return StoredRunConfigs(data, KeyRegister(data, FixedKeys(*keys)))


async def test_everything_secret_is_sealed_and_the_rest_is_readable(data: DataManager) -> None:
    config = a_config()
    async with run_configs(data, KeyRegister(data, FixedKeys(OLD))) as configs:
        await configs.create(config)
    stored = (await data.read(RUN_CONFIG, "r")).decode()
    assert CANARY not in stored
    assert msgspec.json.encode(config).decode().count(CANARY) == 9
    record = json.loads(stored)
    assert record["tasks"]["t"]["steps"][0]["command"] == "make"
    assert record["tasks"]["t"]["environment"] == {"TASK": "", "EMPTY": ""}
    assert record["source"]["username"] == "git"
    assert record["sealed"].startswith("agola1:old:")
    assert await read_anew(data, OLD).read(RunID("r")) == config


async def test_a_record_from_before_there_was_encryption_is_read(data: DataManager) -> None:
    config = a_config()
    await data.commit([Action(RUN_CONFIG, config.id, msgspec.json.encode(config))])
    assert await read_anew(data, OLD).read(config.id) == config


async def test_a_record_that_was_moved_is_refused(data: DataManager) -> None:
    records = RunConfigRecords(Sealer(FixedKeys(OLD)))
    await data.commit([Action(RUN_CONFIG, "other", records.encode(a_config(), OLD))])
    with pytest.raises(InternalError) as caught:
        await read_anew(data, OLD).read(RunID("other"))
    assert caught.value.reason == "DATA_DAMAGED"
    assert CANARY not in caught.value.message


async def test_a_record_whose_key_is_lost_says_which(data: DataManager) -> None:
    records = RunConfigRecords(Sealer(FixedKeys(OLD)))
    await data.commit([Action(RUN_CONFIG, "r", records.encode(a_config(), OLD))])
    with pytest.raises(InternalError) as caught:
        await read_anew(data, NEW).read(RunID("r"))
    assert (caught.value.reason, caught.value.metadata["keyId"]) == (
        "ENCRYPTION_KEY_UNKNOWN",
        "old",
    )


@pytest.mark.parametrize("stored", [b"{", b"[]", b'{"id": 1}', b'{"tasks": {"t": 1}}'])
async def test_a_record_that_is_none_is_damaged(data: DataManager, stored: bytes) -> None:
    await data.commit([Action(RUN_CONFIG, "r", stored)])
    with pytest.raises(InternalError) as caught:
        await read_anew(data, OLD).read(RunID("r"))
    assert caught.value.reason == "DATA_DAMAGED"


async def test_a_config_of_many_tasks_comes_out_as_it_went_in(data: DataManager) -> None:
    (task,) = a_config().tasks.values()
    tasks = {
        TaskID(f"t{n}"): structs.replace(task, id=TaskID(f"t{n}"), name=f"task {n}")
        for n in range(300)
    }
    config = structs.replace(a_config(), tasks=tasks)
    async with run_configs(data, KeyRegister(data, FixedKeys(OLD))) as configs:
        await configs.create(config)
    assert CANARY.encode() not in await data.read(RUN_CONFIG, "r")
    assert await read_anew(data, OLD).read(RunID("r")) == config


class TurningKeys(FixedKeys):
    """Keys of which another one becomes current as soon as the first was taken."""

    def current(self) -> Key:
        taken = super().current()
        self.put(NEW)
        return taken


async def test_what_was_being_written_as_a_rotation_began_has_the_new_key(
    data: DataManager,
) -> None:
    keys = TurningKeys(OLD)
    await KeyRegister(data, FixedKeys(NEW, OLD)).current()
    async with run_configs(data, KeyRegister(data, keys)) as configs:
        assert await configs.create(a_config("a")) == 1
        assert await configs.create(a_config("b")) == 2
    sealer = configs.records.sealer
    used = set()
    async with aclosing(data.scan(RUN_CONFIG)) as stored:
        async for each in stored:
            used.add(sealer.key_id(each.id, each.data))
    assert used == {"new"}
    assert await read_anew(data, NEW).read(RunID("a")) == a_config("a")


async def test_numbers_do_not_move_when_a_config_is_written_twice(data: DataManager) -> None:
    async with run_configs(data, KeyRegister(data, TurningKeys(OLD))) as configs:
        made = [await configs.create(structs.replace(a_config(), id=RunID(name))) for name in "abc"]
    assert made == [1, 2, 3]
