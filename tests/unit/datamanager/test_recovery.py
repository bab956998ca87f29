"""agola.datamanager.recovery: losing the key-value store loses no committed batch."""

import asyncio

import pytest

from agola.core.errors import OutOfRangeError
from agola.datamanager import sequence
from agola.datamanager.checkpoint import Limits
from agola.datamanager.errors import NoDataStatusError, WalGapError
from agola.datamanager.store import opening
from tests.unit.datamanager.conftest import House
from tests.unit.datamanager.test_store import followed, gone, put, scanned


async def test_everything_is_there_after_the_key_value_store_was_lost(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a"), put("b")])
        await store.checkpoint()
        for n in range(20):
            await store.commit([put(f"n{n:02}")])
        await store.commit([gone("a")])
        before = await scanned(store)
    house.lose_key_value()
    async with house.opening() as store:
        assert await scanned(store) == before
        assert len(before) == 21
        await store.commit([put("c")])
    house.lose_key_value()
    async with house.opening() as store:
        assert await scanned(store) == before | {"c": b"x"}


async def test_what_was_not_marked_yet_survives_too(house: House) -> None:
    async with house.opening() as store:
        for n in range(5):
            await store.commit([put(str(n))])
    for marker in house.files("wals/status")[-3:]:
        marker.unlink()
    house.lose_key_value()
    async with house.opening() as store:
        assert len(await scanned(store)) == 5


async def test_a_new_epoch_sorts_behind_the_old_one_and_is_told_to_followers(house: House) -> None:
    async with house.opening() as store:
        old = await store.commit([put("a")])
    house.lose_key_value()
    async with house.opening() as store:
        new = await store.position()
        assert new > old
        assert sequence.epoch_of(new) > sequence.epoch_of(old)
        with pytest.raises(OutOfRangeError) as caught:
            await followed(store, old, 1)
    assert caught.value.reason == "WAL_SEQUENCE_GONE"


async def test_a_gap_between_markers_is_refused_naming_both_ends(house: House) -> None:
    async with house.opening() as store:
        sequences = [await store.commit([put(str(n))]) for n in range(5)]
    next(path for path in house.files("wals/status") if sequences[2] in path.name).unlink()
    house.lose_key_value()
    with pytest.raises(WalGapError) as caught:
        async with house.opening():
            pass
    assert caught.value.metadata == {
        "sequence": sequences[3],
        "previous": sequences[2],
        "expected": sequences[1],
    }


async def test_batches_without_any_snapshot_are_refused(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a")])
    for status in house.files("data"):
        status.unlink()
    house.lose_key_value()
    with pytest.raises(NoDataStatusError):
        async with house.opening():
            pass


async def test_a_crash_while_an_epoch_begins_only_means_to_begin_again(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a")])
    for _ in range(3):  # all objects of the new epoch are there, the keys are not
        house.lose_key_value()
        async with house.opening():
            pass
    house.lose_key_value()
    async with house.opening() as store:
        assert await scanned(store) == {"a": b"x"}


async def test_two_processes_that_start_at_once_begin_one_epoch(house: House) -> None:
    async with house.storage() as (kv, objects):
        async with asyncio.TaskGroup() as group:
            positions = [group.create_task(_position(house, kv, objects)) for _ in range(2)]
        assert positions[0].result() == positions[1].result()


async def _position(house: House, kv: object, objects: object) -> str:
    async with opening(kv, objects, house.base) as store:  # type: ignore[arg-type]
        return await store.position()


async def test_only_what_is_needed_stays(house: House) -> None:
    limits = Limits(checkpoint_wals=1_000, keep_wals=4)
    async with house.opening(limits) as store:
        for n in range(10):
            for m in range(3):
                await store.commit([put(f"{n}-{m}")])
            await store.checkpoint()
        statuses = [path for path in house.files("data") if path.suffix == ".status"]
        files = [path for path in house.files("data") if path.suffix == ".data"]
        assert len(statuses) == 3
        assert len(files) == 3
        assert len(house.files("wals/data")) <= 8
        assert len(await scanned(store)) == 30
    house.lose_key_value()
    async with house.opening(limits) as store:
        assert len(await scanned(store)) == 30


async def test_the_data_of_a_commit_that_a_crash_interrupted_is_cleaned_up(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a")])
    data = house.files("wals/data")[-1]
    orphan = data.with_name(data.name[:-1] + ("0" if data.name[-1] != "0" else "1"))
    orphan.write_bytes(data.read_bytes())
    async with house.opening(Limits(checkpoint_wals=1_000, keep_wals=1)) as store:
        for n in range(4):
            await store.commit([put(str(n))])
            await store.checkpoint()
    assert not orphan.exists()


async def test_a_checkpoint_comes_by_itself(house: House) -> None:
    async with house.opening(Limits(checkpoint_wals=10)) as store:
        before = store._log.snapshot.data_sequence
        for n in range(10):
            await store.commit([put(str(n))])
        while store._log.snapshot.data_sequence == before:
            await store._log.moved()
        await store.checkpoint()  # there is nothing to do, once the other one is through
        assert len(house.files("data")) == 4  # two statuses, one data file and its index
        assert len(await scanned(store)) == 10
