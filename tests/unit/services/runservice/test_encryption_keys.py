"""EncryptionKeyService of the runservice, while runs are made."""

import asyncio
from pathlib import Path

import pytest
from msgspec import structs

from agola.clients.runservice import EncryptionKeyClient
from agola.core.errors import AgolaError, InternalError
from agola.model.run_config import RunConfig, RunID
from tests.unit.services.runservice.conftest import Runservice, Start, a_run

RUNS = 120


def a_secret_run(number: int) -> RunConfig:
    group = f"/project/p/branch/{number % 8}"
    return structs.replace(a_run("a", group=group), environment={"SECRET": f"value {number}"})


async def made(runservice: Runservice, count: int) -> list[RunID]:
    states = [runservice.runs.create_run(a_secret_run(number)) for number in range(count)]
    return [state.run.id for state in await asyncio.gather(*states)]


async def used(client: EncryptionKeyClient) -> dict[str, int]:
    return {key.id: key.records for key in (await client.keyring(count=True)).keys}


async def test_runs_are_made_and_started_while_keys_are_changed(start: Start) -> None:
    async with start() as runservice:
        keys = EncryptionKeyClient(runservice.channel)
        before = await made(runservice, RUNS)
        keyring = await keys.keyring()
        assert (keyring.managed, len(keyring.keys)) == (True, 1)
        old = keyring.current
        new = await keys.create(instead_of=old)
        rotating = asyncio.create_task(_rotated(keys, new))
        meanwhile = await made(runservice, RUNS)
        assert await rotating
        assert await used(keys) == {old: 0, new: 2 * RUNS}
        await keys.delete(old)
        assert [key.id for key in (await keys.keyring()).keys] == [new]
        for run_id in before[:8]:
            await runservice.runs.start_run(run_id)
    async with start() as again:  # with nothing in its memory
        for run_id in before[8:12] + meanwhile[-1:]:
            assert (await again.runs.get_run(run_id)).run.id == run_id
        assert await used(EncryptionKeyClient(again.channel)) == {new: 2 * RUNS}


async def _rotated(keys: EncryptionKeyClient, key_id: str) -> bool:
    progress = [each async for each in keys.rotate(key_id)]
    return progress[-1].complete


async def test_errors_travel(runservice: Runservice) -> None:
    keys = EncryptionKeyClient(runservice.channel)
    current = (await keys.keyring()).current
    for call, reason in (
        (keys.delete(current), "ENCRYPTION_KEY_IS_CURRENT"),
        (keys.delete("none"), "ENCRYPTION_KEY_DOES_NOT_EXIST"),
        (_rotated(keys, "none"), "ENCRYPTION_KEY_NOT_CURRENT"),
    ):
        with pytest.raises(AgolaError) as caught:
            await call
        assert caught.value.reason == reason


async def test_it_does_not_start_without_its_keys(start: Start, tmp_path: Path) -> None:
    async with start() as runservice:
        await made(runservice, 1)
    (kept,) = list((tmp_path / "keys").iterdir())
    lost = kept.rename(tmp_path / "elsewhere")
    with pytest.raises(InternalError) as caught:
        async with start():
            pass
    assert caught.value.reason == "ENCRYPTION_KEY_UNKNOWN"
    assert not list((tmp_path / "keys").iterdir())
    lost.rename(kept)
    async with start() as runservice:
        assert (await runservice.runs.create_run(a_secret_run(2))).run.counter == 2
