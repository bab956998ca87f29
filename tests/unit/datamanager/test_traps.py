"""What others got wrong at the same machine, each as a test that would fail there."""

import asyncio

import pytest

from agola.core.errors import ConcurrencyError, NotExistError
from agola.datamanager.layout import HEAD
from agola.datamanager.limits import Limits
from agola.datamanager.store import opening
from tests.unit.datamanager.conftest import NEVER, House
from tests.unit.datamanager.test_store import gone, put, scanned


async def test_groups_are_good_for_one_commit_and_fresh_ones_for_the_next(house: House) -> None:
    async with house.opening() as store:
        groups = await store.groups(["name"])
        await store.commit([put("a")], groups=groups)
        with pytest.raises(ConcurrencyError) as caught:
            await store.commit([put("b")], groups=groups)
        assert caught.value.reason == "CHANGE_GROUP_CHANGED"
        await store.commit([put("c")], groups=await store.groups(["name"]))
        assert list(await scanned(store)) == ["a", "c"]


async def test_unrelated_writers_do_not_spoil_groups_that_were_read(house: House) -> None:
    async with (
        house.storage() as (kv, objects),
        opening(kv, objects, house.base, limits=NEVER) as store,
        opening(kv, objects, house.base, limits=NEVER) as other,
    ):
        groups = await store.groups(["mine"])
        await store.commit([put("a")])
        await other.commit([put("b")], groups=await other.groups(["yours"]))
        await other.checkpoint()
        await store.commit([put("c")], groups=groups)
        assert list(await scanned(store)) == ["a", "b", "c"]


async def test_a_refused_batch_leaves_no_data_behind(house: House) -> None:
    async with house.opening() as store:
        groups = await store.groups(["name"])
        await store.commit([put("a")], groups=groups)
        before = house.files("wals/data")
        for _ in range(3):
            with pytest.raises(ConcurrencyError):
                await store.commit([put("b")], groups=groups)
        assert house.files("wals/data") == before


async def test_what_a_checkpoint_took_is_held_in_memory_no_longer(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a"), put("b"), gone("never there")])
        await store.checkpoint()
        await store.commit([gone("a")])
        await store.checkpoint()
        assert not any(store._log.overlay.copy().values())
        assert store._log.overlay.pending == store._log.overlay.pending_bytes == 0
        with pytest.raises(NotExistError):
            await store.read("user", "a")


async def test_a_reader_sees_at_once_what_the_start_recovered(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a")])
        await store.checkpoint()
        await store.commit([gone("a"), put("b")])
    async with house.opening() as store:  # there is no time in which the log is not ready
        assert await store.read("user", "b") == b"x"
        with pytest.raises(NotExistError):
            await store.read("user", "a")


async def test_a_file_that_is_left_empty_goes(house: House) -> None:
    limits = Limits(checkpoint_wals=1_000, keep_snapshots=1)
    async with house.opening(limits) as store:
        await store.commit([put("a")])
        await store.checkpoint()
        await store.commit([gone("a")])
        await store.checkpoint()
        assert not [path for path in house.files("data") if path.suffix == ".data"]
        assert await scanned(store) == {}


async def test_closing_while_somebody_commits_does_not_hang(house: House) -> None:
    async with house.opening() as store:
        commits = [asyncio.create_task(store.commit([put(str(n))])) for n in range(5)]
        await store.groups([])
    async with asyncio.timeout(10):
        done = await asyncio.gather(*commits, return_exceptions=True)
    async with house.opening() as store:
        found = await scanned(store)
    acknowledged = {str(n) for n, each in enumerate(done) if not isinstance(each, Exception)}
    assert acknowledged <= set(found)


async def test_the_head_says_which_data_the_last_batch_has(house: House) -> None:
    async with house.storage() as (kv, objects), opening(kv, objects, house.base) as store:
        last = await store.commit([put("a")])
        head = await kv.get(HEAD)
        assert head is not None
        assert head.value.decode().startswith(f"{last}-")
