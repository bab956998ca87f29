"""Checkpoints come by themselves, and leave only what somebody may still need."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from agola.core.errors import ConcurrencyError
from agola.datamanager.errors import StateLostError
from agola.datamanager.layout import DATA_SEQUENCE, GROUPS
from agola.datamanager.limits import Limits
from agola.datamanager.store import opening
from agola.storage.kv.port import Delete
from tests.testbed.faulty_objects import FaultyObjects, outage
from tests.unit.datamanager.conftest import NEVER, House
from tests.unit.datamanager.test_store import gone, put, scanned


class HandClock:
    """Time passes when told."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + self.passed

    def monotonic(self) -> float:
        return self.passed.total_seconds()


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


async def test_a_checkpoint_comes_with_many_bytes_too(house: House) -> None:
    async with house.opening(Limits(checkpoint_bytes=1000)) as store:
        before = store._log.snapshot.data_sequence
        await store.commit([put("a", b"x" * 1000)])
        while store._log.snapshot.data_sequence == before:
            await store._log.moved()
        await store.checkpoint()
        assert store._log.overlay.pending_bytes == 0
        assert await store.read("user", "a") == b"x" * 1000


async def test_a_batch_that_waited_for_long_goes_into_a_snapshot_though_nothing_comes(
    house: House,
) -> None:
    soon = timedelta(milliseconds=20)
    async with house.opening(Limits(checkpoint_age=soon)) as store:
        before = store._log.snapshot.data_sequence
        await store.commit([put("a")])
        while store._log.snapshot.data_sequence == before:
            await store._log.moved()
        assert store._log.overlay.pending == 0


async def test_a_batch_that_waited_for_too_short_a_time_stays_in_the_log(house: House) -> None:
    clock = HandClock()
    async with (
        house.storage() as (kv, objects),
        opening(kv, objects, house.base, clock=clock, limits=Limits()) as store,
    ):
        await store.commit([put("a")])
        assert not store._checkpoints._is_due()
        clock.passed += timedelta(minutes=9)
        await store.commit([put("b")])
        assert not store._checkpoints._is_due()
        clock.passed += timedelta(minutes=1)
        assert store._checkpoints._is_due()
        await store.checkpoint()
        assert not store._checkpoints._is_due()
        await store.commit([put("c")])
        assert not store._checkpoints._is_due()


async def test_without_changes_there_is_no_checkpoint(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a")])
        await store.checkpoint()
        files = house.files("data")
        await store.checkpoint()
        assert house.files("data") == files


async def test_deletions_leave_nothing_in_memory_once_they_are_in_a_snapshot(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put(str(n)) for n in range(50)])
        await store.checkpoint()
        await store.commit([gone(str(n)) for n in range(100)])
        assert len(store._log.overlay.newest("user")) == 100
        await store.checkpoint()
        assert not store._log.overlay.newest("user")
        assert store._log.overlay.pending == store._log.overlay.pending_bytes == 0
        assert await scanned(store) == {}


async def test_a_checkpoint_touches_only_the_files_that_changed(house: House) -> None:
    limits = Limits(checkpoint_wals=1_000, max_file_bytes=2_000)
    async with house.opening(limits) as store:
        await store.commit([put(f"{n:04}", b"x" * 100) for n in range(200)])
        await store.checkpoint()
        old = store._log.snapshot.files["user"]
        assert len(old) > 5
        await store.commit([put("0042", b"new"), gone("0043"), put("9999")])
        await store.checkpoint()
        new = store._log.snapshot.files["user"]
        assert len(set(old) - set(new)) == 2  # one with the changes, and the last one
        assert await store.read("user", "0042") == b"new"
        assert len(await scanned(store)) == 200


async def test_change_groups_are_forgotten_when_no_decision_can_be_that_old(house: House) -> None:
    clock = HandClock()
    async with (
        house.storage() as (kv, objects),
        opening(kv, objects, house.base, clock=clock, limits=NEVER) as store,
    ):
        await store.commit([put("a")], groups=await store.groups(["old", "older"]))
        read = await store.groups(["old"])
        await store.checkpoint()
        clock.passed += timedelta(hours=2)
        await store.commit([put("b")], groups=await store.groups(["young"]))
        await store.checkpoint()
        keys = [entry.key for entry in (await kv.range(GROUPS)).entries]
        assert keys == [GROUPS + "young"]
        with pytest.raises(ConcurrencyError):
            await store.commit([put("c")], groups=read)


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


async def test_a_checkpoint_by_itself_fails_for_a_while_and_then_goes_on(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    limits = Limits(checkpoint_wals=1, retry=timedelta(milliseconds=1))
    async with house.storage() as (kv, objects):
        faulty = FaultyObjects(objects)
        async with opening(kv, faulty, house.base, limits=limits) as store:
            away = faulty.fail("write", path=".data", times=3)
            for name in "ab":  # when the second one is made, all of the first one is over
                before = store._log.snapshot.data_sequence
                await store.commit([put(name)])
                while store._log.snapshot.data_sequence == before:
                    await store._log.moved()
    assert away.times == 0
    told = [each.message for each in caplog.records if each.name.endswith(".checkpoint")]
    assert told == [
        f"a checkpoint failed; trying again later: {outage().message} ({outage().reason})",
        "there are checkpoints again",
    ]
    assert "Traceback" not in caplog.text


async def test_a_checkpoint_ends_a_datamanager_whose_key_value_store_was_lost(
    house: House,
) -> None:
    async with house.storage() as (kv, objects):
        limits = Limits(checkpoint_wals=2)
        with pytest.raises(StateLostError):  # noqa: PT012 (the block is what ends)
            async with opening(kv, objects, house.base, limits=limits) as store:
                await kv.txn([], [Delete(DATA_SEQUENCE)])
                await store.commit([put("a")])
                await store.commit([put("b")])
                await asyncio.get_running_loop().create_future()
