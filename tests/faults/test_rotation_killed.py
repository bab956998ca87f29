"""The runservice is killed while it encrypts everything anew."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest
from msgspec import structs

from agola import datamanager
from agola.clients.runservice import EncryptionKeyClient, RunClient
from agola.config.model import Config
from agola.core.errors import UnavailableError
from agola.core.keyring import Sealer
from agola.model.encryption_key import Keyring
from agola.model.run_config import RunConfig, RunID
from agola.rpc.channel import dial
from agola.services.runservice.service import DATA
from agola.services.runservice.store.run_config_record import RUN_CONFIG, RunConfigRecords
from agola.storage import kv, objects
from agola.storage.keyring import opening as key_opening
from tests.faults.test_runservice_killed import RETRY_SECONDS, Killable, created, killable
from tests.testbed import runservice_process
from tests.unit.services.runservice.conftest import a_run

RUNS = 400
KILLS = 2


@asynccontextmanager
async def serving(tmp_path: Path) -> AsyncGenerator[tuple[Killable, grpc.aio.Channel], None]:
    with TemporaryDirectory(prefix="agola") as folder:
        runtime = Path(folder)
        target = runservice_process.config_in(tmp_path, runtime).runservice.target
        async with (
            killable(tmp_path, runtime) as server,
            dial(target, token=runservice_process.TOKEN) as channel,
        ):
            yield server, channel


def a_config(number: int) -> RunConfig:
    group = f"/project/p/branch/{number}"
    return structs.replace(a_run("a", group=group), environment={"SECRET": f"value {number}"})


async def kept(tmp_path: Path) -> AsyncGenerator[RunConfig, None]:
    """Read all run configs of a runservice that was killed."""
    config = Config(data_dir=tmp_path)
    records = RunConfigRecords(Sealer(key_opening(config)))
    async with (
        kv.opening(config, "runservice") as live,
        objects.opening(config, "runservice") as files,
        datamanager.opening(live, files, DATA) as data,
        aclosing(data.scan(RUN_CONFIG)) as stored,
    ):
        async for each in stored:
            yield records.decode(RunID(each.id), each.data)


async def keyring(keys: EncryptionKeyClient, *, count: bool = False) -> Keyring:
    """Ask until the service is there again."""
    while True:
        try:
            return await keys.keyring(count=count)
        except UnavailableError:
            await asyncio.sleep(RETRY_SECONDS)


async def killed(keys: EncryptionKeyClient, key_id: str, server: Killable) -> None:
    """Rotate, and kill the service as soon as something is encrypted anew."""
    async with aclosing(keys.rotate(key_id)) as rotation:
        async for progress in rotation:
            if progress.encrypted:
                await server.kill()
                return


@pytest.mark.timeout(110)
async def test_a_rotation_survives_kills_and_is_begun_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, channel):
        keys, runs = EncryptionKeyClient(channel), RunClient(channel)
        old = (await keyring(keys)).current
        made: list[RunID] = []
        for number in range(0, RUNS, 50):
            batch = (created(runs, a_config(number + n), f"r-{number + n}") for n in range(50))
            made += [run.id for run in await asyncio.gather(*batch)]
        new = await keys.create(instead_of=old)
        for _ in range(KILLS):
            await killed(keys, new, server)
            assert (await keyring(keys)).current == new
        counted = {key.id: key.records for key in (await keyring(keys, count=True)).keys}
        assert counted[old] > 0
        assert counted[old] + counted[new] == RUNS
        last = [progress async for progress in keys.rotate(new)][-1]
        assert (last.complete, last.encrypted) == (True, counted[old])
        counted = {key.id: key.records for key in (await keyring(keys, count=True)).keys}
        assert counted == {old: 0, new: RUNS}
        await keys.delete(old)
    read = [config async for config in kept(tmp_path)]
    assert [config.id for config in read] == sorted(made)
    secrets = sorted(int(config.environment["SECRET"].split()[1]) for config in read)
    assert secrets == list(range(RUNS))
