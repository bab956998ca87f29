"""agola.datamanager.store: what was committed is read, whatever happened in between."""

import asyncio
from contextlib import aclosing

import pytest

from agola.core.errors import BadRequestError, ConcurrencyError, NotExistError, OutOfRangeError
from agola.datamanager.limits import Limits
from agola.datamanager.port import Action, Batch, DataManager, WalSequence
from agola.datamanager.store import opening
from tests.unit.datamanager.conftest import NEVER, House


def put(object_id: str, data: bytes = b"x", data_type: str = "user") -> Action:
    return Action(data_type, object_id, data)


def gone(object_id: str, data_type: str = "user") -> Action:
    return Action(data_type, object_id, None)


async def scanned(store: DataManager, data_type: str = "user", after: str = "") -> dict[str, bytes]:
    async with aclosing(store.scan(data_type, after=after)) as objects:
        return {each.id: each.data async for each in objects}


async def followed(store: DataManager, after: WalSequence, count: int) -> list[Batch]:
    async with aclosing(store.follow(after)) as batches:
        return [await anext(batches) for _ in range(count)]


async def test_what_is_committed_is_read_at_once(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a", b"\x00\nbytes\xff"), put("b")])
        assert await store.read("user", "a") == b"\x00\nbytes\xff"
        with pytest.raises(NotExistError) as caught:
            await store.read("user", "c")
    assert caught.value.reason == "OBJECT_DOES_NOT_EXIST"


async def test_a_deletion_is_seen_at_once_also_of_what_is_in_a_snapshot(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a"), put("b")])
        await store.checkpoint()
        await store.commit([gone("a"), gone("never there")])
        with pytest.raises(NotExistError):
            await store.read("user", "a")
        assert await scanned(store) == {"b": b"x"}
        await store.checkpoint()
        with pytest.raises(NotExistError):
            await store.read("user", "a")


async def test_everything_is_there_after_a_restart(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a", b"1")])
        await store.checkpoint()
        await store.commit([put("b", b"2")])
    async with house.opening() as store:
        assert await scanned(store) == {"a": b"1", "b": b"2"}


async def test_a_scan_is_sorted_and_of_one_moment(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put(each) for each in "hdbf"])
        await store.checkpoint()
        await store.commit([put("a"), put("d", b"new"), gone("f"), put("z")])
        async with aclosing(store.scan("user")) as objects:
            seen = [(await anext(objects)).id]
            await store.commit([put("c"), gone("z")])
            seen += [each.id async for each in objects]
        assert seen == ["a", "b", "d", "h", "z"]
        assert await scanned(store, after="c") == {"d": b"new", "h": b"x"}


async def test_types_do_not_see_each_other(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a", b"user"), put("a", b"token", "usertoken")])
        await store.checkpoint()
        assert await store.read("usertoken", "a") == b"token"
        assert await scanned(store, "user") == {"a": b"user"}


async def test_a_data_type_must_be_able_to_name_a_folder(house: House) -> None:
    async with house.opening() as store:
        with pytest.raises(BadRequestError):
            await store.commit([put("a", data_type="../user")])


async def test_a_change_group_lets_one_of_many_win(house: House) -> None:
    async with house.opening() as store:
        groups = await store.groups(["name-a"])
        results = await asyncio.gather(
            *(store.commit([put(str(n))], groups=groups) for n in range(10)),
            return_exceptions=True,
        )
        lost = [each for each in results if isinstance(each, ConcurrencyError)]
        assert len(lost) == 9
        assert {error.reason for error in lost} == {"CHANGE_GROUP_CHANGED"}
        assert len(await scanned(store)) == 1
        await store.commit([put("again")], groups=await store.groups(["name-a"]))


async def test_batches_of_different_groups_do_not_hinder_each_other(house: House) -> None:
    async with house.opening() as store:
        groups = [await store.groups([f"name-{n}"]) for n in range(300)]
        sequences = await asyncio.gather(
            *(store.commit([put(f"{n:03}")], groups=each) for n, each in enumerate(groups))
        )
        assert len(await scanned(store)) == 300
        assert len(set(sequences)) < 20  # they were committed together


async def test_two_processes_conflict_only_where_they_mean_the_same(house: House) -> None:
    async with (
        house.storage() as (kv, objects),
        opening(kv, objects, house.base, limits=NEVER) as one,
        opening(kv, objects, house.base, limits=NEVER) as other,
    ):
        start = await one.position()
        await asyncio.gather(
            *(store.commit([put(f"{n}")]) for n, store in enumerate([one, other] * 20))
        )
        await one.commit([put("last")])
        async with aclosing(other.follow(start)) as batches:
            async for batch in batches:
                if put("last") in batch.actions:
                    break
        assert len(await scanned(one)) == 41
        assert await scanned(one) == await scanned(other)
        groups = await one.groups(["same"])
        await other.commit([put("mine")], groups=groups)
        with pytest.raises(ConcurrencyError):
            await one.commit([put("yours")], groups=groups)


async def test_followers_get_every_batch_in_order_and_those_to_come(house: House) -> None:
    async with house.opening() as store:
        start = await store.position()
        await store.commit([put("a"), gone("b")])
        await store.checkpoint()
        coming = asyncio.create_task(followed(store, start, 3))
        await store.commit([put("c")])
        last = await store.commit([put("d")])
        batches = await coming
        assert [each.actions for each in batches] == [
            (put("a"), gone("b")),
            (put("c"),),
            (put("d"),),
        ]
        assert batches[-1].sequence == last == await store.position()


async def test_a_follower_too_far_behind_is_told_so(house: House) -> None:
    async with house.opening(Limits(checkpoint_wals=1_000, keep_wals=5)) as store:
        start = await store.position()
        sequences = [await store.commit([put(str(n))]) for n in range(20)]
        await store.checkpoint()
        with pytest.raises(OutOfRangeError) as caught:
            await followed(store, start, 1)
        assert caught.value.reason == "WAL_SEQUENCE_GONE"
        assert await store.position() == sequences[-1]
