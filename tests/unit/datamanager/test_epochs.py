"""agola.datamanager.epochs: a key-value store of another time is noticed, and never written to."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from agola.core.errors import AgolaError
from agola.datamanager import sequence
from agola.datamanager.epochs import Epochs
from agola.datamanager.errors import StateLostError, WalAmbiguousError
from agola.datamanager.layout import (
    DATA_SEQUENCE,
    HEAD,
    INIT_LOCK,
    LOG,
    SNAPSHOT,
    WalHeader,
    epoch_key,
)
from agola.datamanager.layout import Paths as Layout
from agola.datamanager.recovery import LOCK_TTL
from agola.datamanager.snapshot import Snapshots
from agola.datamanager.store import StoredDataManager, opening
from agola.datamanager.wal import WalObjects
from agola.storage.kv.port import Changes, Delete, KeyValue, Put, Revision
from agola.storage.objects.port import ObjectStorage
from tests.unit.datamanager.conftest import NEVER, House
from tests.unit.datamanager.test_store import put, scanned


@asynccontextmanager
async def raw(house: House) -> AsyncGenerator[KeyValue, None]:
    async with house.storage() as (kv, _):
        yield kv


async def keys(kv: KeyValue, prefix: str = "") -> dict[str, bytes]:
    return {entry.key: entry.value for entry in (await kv.range(prefix)).entries}


@pytest.mark.parametrize("checkpoint", [False, True])
async def test_a_key_value_store_restored_to_an_older_copy_is_reset_to_object_storage(
    house: House, caplog: pytest.LogCaptureFixture, *, checkpoint: bool
) -> None:
    async with house.storage() as (kv, objects):
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            await store.commit([put("a"), put("b")])
        await kv.txn([], [Put("runs/1", b"active"), Put("maintenance/wanted", b"yes")])
    backup = house.copy_key_value()
    async with house.opening() as store:
        await store.commit([put("c")], groups=await store.groups(["group"]))
        last = await store.commit([put("a", b"newer")])
        if checkpoint:
            await store.checkpoint()
    house.restore_key_value(backup)
    with caplog.at_level(logging.ERROR):
        async with house.opening() as store:
            assert await scanned(store) == {"a": b"newer", "b": b"x", "c": b"x"}
            assert sequence.epoch_of(await store.position()) > sequence.epoch_of(last)
            await store.commit([put("d")], groups=await store.groups(["group"]))
    assert "reset to object storage" in caplog.text
    async with raw(house) as kv:
        found = await keys(kv)
        assert "runs/1" not in found  # it must not run again
        assert found["maintenance/wanted"] == b"yes"


async def test_a_key_value_store_restored_to_before_a_checkpoint_is_noticed(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a")])
    backup = house.copy_key_value()
    async with house.opening() as store:
        await store.checkpoint()
    house.restore_key_value(backup)
    async with house.opening() as store:
        assert await scanned(store) == {"a": b"x"}
        await store.commit([put("b")])
        await store.checkpoint()
    house.lose_key_value()
    async with house.opening() as store:
        assert await scanned(store) == {"a": b"x", "b": b"x"}


async def test_commits_of_a_sibling_are_no_evidence_of_an_older_store(house: House) -> None:
    async with (
        house.storage() as (kv, objects),
        opening(kv, objects, house.base, limits=NEVER) as sibling,
    ):
        busy = asyncio.Event()

        async def commit() -> None:
            number = 0
            while not busy.is_set():
                await sibling.commit([put(f"{number:04}")])
                if number % 10 == 9:
                    await sibling.checkpoint()
                number += 1

        async with asyncio.TaskGroup() as group:
            group.create_task(commit())
            epochs = set()
            for _ in range(20):
                async with opening(kv, objects, house.base, limits=NEVER) as store:
                    epochs.add(sequence.epoch_of(await store.position()))
            busy.set()
        assert len(epochs) == 1


async def test_who_finds_the_store_being_made_ready_waits_for_that(house: House) -> None:
    async with house.storage() as (kv, objects):

        async def position() -> str:
            async with opening(kv, objects, house.base) as store:
                return await store.position()

        async with kv.lock(INIT_LOCK, ttl=LOCK_TTL):
            waiting = [asyncio.create_task(position()) for _ in range(2)]
            done, _ = await asyncio.wait(waiting, timeout=0.2)
            assert not done
            assert LOG not in "".join(await keys(kv, LOG))
        assert len({await each for each in waiting}) == 1


@pytest.mark.parametrize("lost", [HEAD, SNAPSHOT, DATA_SEQUENCE, "epoch"])
async def test_a_store_that_lost_some_of_its_keys_is_reset(house: House, lost: str) -> None:
    async with house.opening() as store:
        last = await store.commit([put("a")])
    async with house.storage() as (kv, objects):
        await kv.txn([], [Delete(epoch_key(last) if lost == "epoch" else lost)])
        async with opening(kv, objects, house.base) as store:
            assert await scanned(store) == {"a": b"x"}
            assert sequence.epoch_of(await store.position()) > sequence.epoch_of(last)


async def lose_everything(kv: KeyValue) -> None:
    await kv.txn([], [Delete(key) for key in await keys(kv)])


async def test_losing_all_keys_ends_what_is_open_and_opening_again_recovers_all(
    house: House,
) -> None:
    async with house.storage() as (kv, objects):
        with pytest.raises(StateLostError) as caught:  # noqa: PT012
            async with opening(kv, objects, house.base, limits=NEVER) as store:
                await store.commit([put("a")])
                await store.checkpoint()
                await store.commit([put("b")])  # not marked yet
                last = await store.position()
                await lose_everything(kv)
                await asyncio.get_running_loop().create_future()
        assert caught.value.reason == "KV_STATE_LOST"
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            assert await scanned(store) == {"a": b"x", "b": b"x"}
            assert await store.position() > last


async def test_whatever_waits_for_the_store_hears_that_it_was_lost(house: House) -> None:
    async with house.storage() as (kv, objects):

        async def use(store: StoredDataManager) -> None:
            with pytest.raises(AgolaError) as caught:
                async for _ in store.follow(await store.position()):
                    pass
            assert caught.value.reason == "KV_STATE_LOST"

        with pytest.raises(StateLostError):  # noqa: PT012
            async with opening(kv, objects, house.base, limits=NEVER) as store:
                following = asyncio.create_task(use(store))
                await store.groups([])
                await lose_everything(kv)
                await asyncio.get_running_loop().create_future()
        await following


async def test_whoever_commits_while_a_lost_store_is_being_closed_is_told(house: House) -> None:
    async with house.storage() as (kv, objects):
        with pytest.raises(StateLostError):  # noqa: PT012
            async with opening(kv, objects, house.base, limits=NEVER) as store:
                await store.commit([put("a")])
                await lose_everything(kv)
                try:
                    await asyncio.get_running_loop().create_future()
                finally:  # as a server does that ends its calls
                    with pytest.raises(StateLostError):
                        async with asyncio.timeout(5):
                            await store.commit([put("b")])


class Deaf:
    """A real key-value store whose watches tell no more, once it is deaf."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv
        self.is_deaf = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kv, name)

    async def watch(self, prefix: str, *, after: Revision) -> AsyncGenerator[Changes, None]:
        async with aclosing(self._kv.watch(prefix, after=after)) as told:
            async for changes in told:
                if self.is_deaf.is_set():
                    await asyncio.get_running_loop().create_future()
                yield changes


async def test_a_process_of_an_old_epoch_never_writes_into_the_new_one(house: House) -> None:
    """Even if the revision of the head is the same again, as it may be in a store begun anew."""
    async with house.storage() as (kv, objects):
        deaf: Any = Deaf(kv)
        with pytest.raises(StateLostError):  # noqa: PT012
            async with opening(deaf, objects, house.base, limits=NEVER) as stale:
                await stale.commit([put("a")])
                deaf.is_deaf.set()
                await lose_everything(kv)
                async with opening(kv, objects, house.base, limits=NEVER) as fresh:
                    before = await fresh.position()
                    head = await kv.get(HEAD)
                    assert head is not None
                    known = stale._committer._head
                    assert known is not None
                    stale._committer._head = type(known)(known.data_id, head.mod_revision)
                    with pytest.raises(StateLostError):
                        await stale.commit([put("never")])
                    assert await fresh.position() == before
                    assert await scanned(fresh) == {"a": b"x"}
                await asyncio.get_running_loop().create_future()
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            assert await scanned(store) == {"a": b"x"}


async def test_an_interrupted_first_start_is_begun_again(house: House) -> None:
    async with house.opening():
        pass
    for status in house.files("data"):
        status.unlink()
    house.lose_key_value()
    async with house.opening() as store:
        await store.commit([put("a")])
        assert await scanned(store) == {"a": b"x"}


async def rivals(house: House, objects: ObjectStorage, last: WalHeader, *ids: str) -> None:
    """Write data for the place behind *last*, as processes do that lost a race and died."""
    for each in ids:
        number = sequence.following(last.sequence)
        header = WalHeader(
            sequence=number,
            previous=last.sequence,
            data_id=f"{number}-{each}",
            previous_data_id=last.data_id,
        )
        await WalObjects(objects, Layout(house.base)).write_data(header, [put(each)])


async def test_of_several_unmarked_batches_the_one_counts_that_was_built_upon(
    house: House,
) -> None:
    async with house.storage() as (kv, objects):
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            for n in range(3):
                await store.commit([put(f"{n}")])
            headers = list(store._log.headers.values())
        await rivals(house, objects, headers[1], "0", "z")
        await rivals(house, objects, headers[0], "y")
    for marker in house.files("wals/status"):
        marker.unlink()
    house.lose_key_value()
    async with house.opening() as store:
        assert list(await scanned(store)) == ["0", "1", "2"]


async def test_two_unmarked_batches_that_nobody_built_upon_are_refused(house: House) -> None:
    async with house.storage() as (kv, objects):
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            await store.commit([put("a")])
            last = list(store._log.headers.values())[-1]
        await rivals(house, objects, last, "b", "c")
    house.lose_key_value()
    with pytest.raises(WalAmbiguousError) as caught:
        async with house.opening():
            pass
    number = sequence.following(last.sequence)
    assert caught.value.metadata["dataIds"] == f"{number}-b,{number}-c"
    house.files("wals/data")[-1].unlink()
    async with house.opening() as store:
        assert list(await scanned(store)) == ["a", "b"]


async def test_what_a_dead_process_left_in_our_place_goes_before_anybody_is_told(
    house: House,
) -> None:
    async with house.storage() as (kv, objects):
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            await store.commit([put("a")])
            last = list(store._log.headers.values())[-1]
        await rivals(house, objects, last, "dead")
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            await store.commit([put("b")])
            assert not [path for path in house.files("wals/data") if path.name.endswith("dead")]


@dataclass
class Clock:
    """A clock that is wrong."""

    time: datetime

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0


async def test_who_takes_over_sorts_behind_who_had_begun_whatever_their_clocks_say(
    house: House,
) -> None:
    async with house.storage() as (kv, objects):

        async def reserve(year: int) -> str:
            snapshots = Snapshots(objects, Layout(house.base))
            wals = WalObjects(objects, Layout(house.base))
            clock = Clock(datetime(year, 1, 1, tzinfo=UTC))
            epochs = Epochs(kv, wals, snapshots, clock=clock)
            async with kv.lock(INIT_LOCK, ttl=LOCK_TTL) as lock:
                return await epochs.reserve(lock)

        assert await reserve(2030) < await reserve(2026) < await reserve(2028)
