"""agola.datamanager.recovery: losing the key-value store loses no committed batch."""

import asyncio
from datetime import datetime, timedelta

import pytest

from agola.core.clock import SystemClock
from agola.core.errors import OutOfRangeError, UnavailableError
from agola.datamanager import sequence
from agola.datamanager.errors import NoDataStatusError, WalGapError
from agola.datamanager.layout import INIT_LOCK
from agola.datamanager.store import opening
from agola.storage.kv.port import Delete, lock_key
from tests.testbed.faulty_objects import Fault, FaultyObjects
from tests.unit.datamanager.conftest import NEVER, House
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


class ClockBehind(SystemClock):
    """The clock of another machine."""

    def __init__(self, behind: timedelta) -> None:
        self._behind = behind

    def now(self) -> datetime:
        return super().now() - self._behind


@pytest.mark.parametrize("behind", [timedelta(), timedelta(minutes=1)])
async def test_a_recovery_that_lost_its_lock_takes_back_nothing_of_the_next_one(
    house: House, behind: timedelta
) -> None:
    async with (
        house.storage() as (kv, objects),
        opening(kv, objects, house.base, clock=ClockBehind(timedelta(hours=1))) as store,
    ):
        await store.commit([put("a")])
    house.lose_key_value()
    async with house.storage() as (kv, objects):
        slow = FaultyObjects(objects)
        trouble = slow.fail("write", fault=Fault.STALL, path=".status")
        late = asyncio.ensure_future(opening(kv, slow, house.base).__aenter__())
        await trouble.met.wait()
        await kv.txn([], [Delete(lock_key(INIT_LOCK))])  # as if it had stood still for too long
        clock = ClockBehind(behind)
        async with opening(kv, objects, house.base, clock=clock, limits=NEVER) as store:
            await store.commit([put("b")])
            await store.checkpoint()
            slow.heal()
            with pytest.raises(UnavailableError, match="lock was lost"):
                await late
            await store.commit([put("c")])
        async with opening(kv, objects, house.base) as store:
            assert set(await scanned(store)) == {"a", "b", "c"}
