"""Two runservices of one installation change the key that is configured, one after the other."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from msgspec import structs

from agola.clients.runservice import EncryptionKeyClient, RunClient
from agola.config.model import Config, Encryption, EtcdKeyValue, Internal, PosixObjects
from agola.core.errors import InternalError, PreconditionError
from agola.model.run_config import RunID
from agola.rpc.channel import dial
from agola.services.runservice import service as runservice
from tests.testbed.encryption import shared_keys
from tests.testbed.etcd_process import EtcdServer
from tests.unit.services.runservice.conftest import TOKEN, a_run

pytest_plugins = ["tests.testbed.etcd"]

RUNS = 20


@dataclass
class Instance:
    """One of them."""

    runs: RunClient
    keys: EncryptionKeyClient

    async def make(self) -> list[RunID]:
        configs = [structs.replace(a_run("a"), environment={"A": "secret"}) for _ in range(RUNS)]
        states = await asyncio.gather(*map(self.runs.create_run, configs))
        return [state.run.id for state in states]

    async def ended(self, run_id: RunID) -> None:
        """Wait for the end of a run."""
        async with aclosing(self.runs.watch_run(run_id)) as watch:
            async for _ in watch:
                """The stream ends as the run does."""

    async def used(self) -> dict[str, int]:
        """Count records by the key that encrypts them."""
        keyring = await self.keys.keyring(count=True)
        return {key.id: key.records for key in keyring.keys if key.records}

    async def rotate(self, key_id: str) -> int:
        return [progress async for progress in self.keys.rotate(key_id)][-1].encrypted


@dataclass
class Installation:
    """What the instances share."""

    directory: Path
    key_value: EtcdKeyValue

    @asynccontextmanager
    async def instances(self, *encryptions: Encryption) -> AsyncGenerator[list[Instance], None]:
        """Run one instance for each configuration of keys."""
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(TemporaryDirectory(prefix="agola"))
            started = []
            for number, encryption in enumerate(encryptions):
                address = f"unix:{folder}/{number}.sock"
                config = Config(
                    data_dir=self.directory / str(number),
                    internal_token=TOKEN,
                    key_value=self.key_value,
                    objects=PosixObjects(path=self.directory / "objects"),
                    runservice=Internal(listen=address, target=address),
                    encryption=encryption,
                )
                await stack.enter_async_context(runservice.serving(config))
                channel = await stack.enter_async_context(dial(address, token=TOKEN))
                started.append(Instance(RunClient(channel), EncryptionKeyClient(channel)))
            yield started


@pytest.fixture
def installation(tmp_path: Path, etcd_server: EtcdServer) -> Installation:
    key_value = EtcdKeyValue(endpoints=(etcd_server.endpoint,), prefix=f"{uuid4()}/")
    return Installation(tmp_path, key_value)


async def test_instances_change_to_a_new_key_one_after_the_other(
    installation: Installation, tmp_path: Path
) -> None:
    first = shared_keys(tmp_path, "k1")
    added = shared_keys(tmp_path, "k1", "k2")
    changed = structs.replace(added, current="k2")
    async with installation.instances(first, first) as (one, other):
        await one.make()
        assert await other.used() == {"k1": RUNS}
    async with installation.instances(changed, added) as (one, other):
        before = await other.make()  # it still encrypts with the old key
        after = await one.make()
        assert await one.used() == {"k1": 2 * RUNS, "k2": RUNS}
        for run_id in (before[0], after[0]):
            assert (await one.runs.start_run(run_id)).id == run_id
            await one.runs.stop_run(run_id)
            await one.ended(run_id)
        with pytest.raises(PreconditionError) as caught:
            await other.rotate("k2")
        assert caught.value.reason == "ENCRYPTION_KEY_NOT_CURRENT"
        with pytest.raises(PreconditionError) as configured:
            await one.keys.create(instead_of="k2")
        assert configured.value.reason == "ENCRYPTION_KEYS_CONFIGURED"
    async with installation.instances(changed, changed) as (one, other):
        assert await one.rotate("k2") == 2 * RUNS
        assert await other.used() == {"k2": 3 * RUNS}
        await other.keys.delete("k1")
    only = shared_keys(tmp_path, "k2")
    async with installation.instances(only, only) as (one, other):
        assert await other.used() == {"k2": 3 * RUNS}


async def test_an_instance_without_the_keys_of_the_others_does_not_start(
    installation: Installation, tmp_path: Path
) -> None:
    async with installation.instances(shared_keys(tmp_path, "k1")) as (one,):
        await one.make()
    for encryption in (Encryption(), shared_keys(tmp_path, "k2")):
        with pytest.raises(InternalError) as caught:
            async with installation.instances(encryption):
                pass
        assert caught.value.reason == "ENCRYPTION_KEY_UNKNOWN"
        assert caught.value.metadata["keyId"] == "k1"
