"""agola.datamanager.recovery: losing the key-value store loses no committed batch."""

import asyncio

import pytest

from agola.core.errors import OutOfRangeError
from agola.datamanager import sequence
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
