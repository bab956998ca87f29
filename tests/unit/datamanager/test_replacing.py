"""agola.datamanager.replacing: everything anew, or nothing."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agola.core.errors import BadRequestError, ConcurrencyError, UnavailableError
from agola.datamanager import sequence
from agola.datamanager.errors import StateLostError
from agola.datamanager.layout import HEAD, INIT_LOCK, REPLACING
from agola.datamanager.limits import Limits
from agola.datamanager.port import Replacement, StoredObject
from agola.datamanager.recovery import LOCK_TTL
from agola.datamanager.replacing import replacing
from agola.datamanager.store import opening
from agola.storage.kv.port import (
    Compare,
    Delete,
    KeyValue,
    Operation,
    Outcome,
    Put,
    lock_key,
)
from tests.testbed.faulty_objects import Fault, FaultyObjects
from tests.testbed.held import Held
from tests.unit.datamanager.conftest import NEVER, House
from tests.unit.datamanager.test_store import put, scanned

SMALL_FILES = Limits(checkpoint_wals=1_000_000, max_file_bytes=300)


def stored(object_id: str, data: bytes = b"imported", data_type: str = "user") -> StoredObject:
    return StoredObject(data_type, object_id, data)


@asynccontextmanager
async def replacement(house: House, keep: Sequence[str] = ()) -> AsyncGenerator[Replacement, None]:
    async with (
        house.storage() as (kv, objects),
        replacing(kv, objects, house.base, keep=keep, limits=SMALL_FILES) as replaced,
    ):
        yield replaced


async def test_an_import_of_something_older_into_a_used_store_gives_exactly_that(
    house: House,
) -> None:
    async with house.opening() as store:
        await store.commit([put("a"), put("b")])
        await store.checkpoint()
        for n in range(10):
            await store.commit([put(f"n{n}"), put("a", b"newer")])
        before = await store.position()
    async with replacement(house) as replaced:
        for n in range(30):
            await replaced.put(stored(f"{n:02}", b"x" * 50, "project"))
        await replaced.put(stored("a"))
        number = await replaced.commit()
    assert number > before
    expected = {f"{n:02}": b"x" * 50 for n in range(30)}
    for _ in range(2):
        async with house.opening(SMALL_FILES) as store:
            assert await scanned(store, "project") == expected
            assert await scanned(store) == {"a": b"imported"}
            assert await store.read("project", "17") == b"x" * 50
            assert await store.position() >= number
        house.lose_key_value()  # older batches are not replayed then, either
    async with house.opening(SMALL_FILES) as store:
        await store.commit([put("c")])
        await store.checkpoint()
        assert await scanned(store) == {"a": b"imported", "c": b"x"}
        assert await scanned(store, "project") == expected


async def test_an_import_of_nothing_leaves_nothing(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a")])
        await store.checkpoint()
    async with replacement(house) as replaced:
        await replaced.commit()
    async with house.opening() as store:
        assert await scanned(store) == {}
        async with store.view() as view:
            assert list(view.types()) == []


async def test_an_import_into_a_store_that_never_was_used(house: House) -> None:
    async with replacement(house) as replaced:
        await replaced.put(stored("a"))
        await replaced.commit()
    async with house.opening() as store:
        assert await scanned(store) == {"a": b"imported"}


async def test_a_block_that_does_not_commit_leaves_nothing_behind(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put("a")])
        position = await store.position()
    files = house.files("")
    async with replacement(house) as replaced:
        for n in range(30):
            await replaced.put(stored(f"{n:02}", b"x" * 50))
        assert house.files("") != files
    assert house.files("") == files
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with replacement(house) as replaced:
            await replaced.put(stored("a", b"x" * 400))
            await replaced.put(stored("b", b"x" * 400))
            raise RuntimeError
    assert house.files("") == files
    async with house.storage() as (kv, objects), opening(kv, objects, house.base) as store:
        assert await kv.get(REPLACING) is None
        assert await store.position() == position
        assert await scanned(store) == {"a": b"x"}


async def test_files_of_a_replacement_that_a_crash_ended_are_swept_at_the_next_start(
    house: House,
) -> None:
    async with house.opening() as store:
        await store.commit([put("a")])
    files = house.files("")
    backup = house.copy_key_value()
    async with house.storage() as (kv, objects):
        context = replacing(kv, objects, house.base, limits=SMALL_FILES)
        replaced = await context.__aenter__()
        for n in range(30):
            await replaced.put(stored(f"{n:02}", b"x" * 50))
        announced = await kv.get(REPLACING)
        assert announced is not None
        crashed = {path: path.read_bytes() for path in house.files("")}
        await context.__aexit__(None, None, None)
    for path, data in crashed.items():  # as if it had not ended
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    house.restore_key_value(backup)
    async with house.storage() as (kv, objects):
        await kv.txn([], [Put(REPLACING, announced.value)])
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            assert await scanned(store) == {"a": b"x"}
            assert await kv.get(REPLACING) is None
    assert house.files("") == files


async def test_a_replacement_that_lost_its_lock_touches_nothing_of_the_next_one(
    house: House,
) -> None:
    async with house.storage() as (kv, objects):
        late = Held(replacing(kv, objects, house.base, limits=SMALL_FILES))
        await (await late.enter()).put(stored("a"))
        await kv.txn([], [Delete(lock_key(INIT_LOCK))])  # as if it had stood still for too long
        async with replacing(kv, objects, house.base, limits=SMALL_FILES) as replaced:
            for n in range(30):
                await replaced.put(stored(f"{n:02}", b"x" * 50))
            files = house.files("data")
            await late.crash()
            assert house.files("data") == files
            assert await kv.get(REPLACING) is not None
            await replaced.commit()
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            assert len(await scanned(store)) == 30


@pytest.mark.parametrize(
    ("paused_at", "objects_then"),
    [(".proposal", {"old"}), (".status", {"imported"}), ("wals/status/", {"imported"})],
)
async def test_a_replacement_that_lost_its_lock_at_its_end_counts_wholly_or_not_at_all(
    house: House, paused_at: str, objects_then: set[str]
) -> None:
    async with house.storage() as (kv, objects):
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            await store.commit([put("old")])
        faulty = FaultyObjects(objects)
        paused = faulty.fail("write", fault=Fault.STALL, path=paused_at)
        late = Held(replacing(kv, faulty, house.base, limits=SMALL_FILES))
        replaced = await late.enter()
        await replaced.put(stored("imported"))
        commit = asyncio.create_task(replaced.commit())
        await paused.met.wait()
        await kv.txn([], [Delete(lock_key(INIT_LOCK))])
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            await store.commit([put("meanwhile")])
            faulty.heal()
            with pytest.raises(UnavailableError):
                await commit
            await late.crash()
            await store.commit([put("afterwards")])
            expected = {*objects_then, "meanwhile", "afterwards"}
            assert set(await scanned(store)) == expected
    house.lose_key_value()
    async with house.opening() as store:
        assert set(await scanned(store)) == expected
    assert not [path for path in house.files("data") if path.suffix == ".proposal"]


async def test_all_keys_go_but_those_that_are_kept_and_locks(house: House) -> None:
    async with house.storage() as (kv, objects):
        async with opening(kv, objects, house.base) as store:
            await store.commit([put("a")], groups=await store.groups(["group"]))
        for n in range(300):
            await kv.txn([], [Put(f"runs/{n}", b"x")])
        await kv.txn([], [Put("maintenance/wanted", b"yes"), Put("maintenancex", b"")])
        async with (
            kv.lock("other", ttl=LOCK_TTL) as lock,
            replacing(kv, objects, house.base, keep=["maintenance/"]) as replaced,
        ):
            await replaced.commit()
            assert (await kv.txn([lock.held], [])).succeeded
        page = await kv.range("")
        keys = {entry.key for entry in page.entries if not entry.key.startswith("datamanager/")}
        assert keys == {"maintenance/wanted"}
        async with opening(kv, objects, house.base) as store:
            assert await scanned(store) == {}
            await store.commit([put("b")], groups=await store.groups(["group"]))


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ([stored("b"), stored("a")], "user 'a' comes behind 'b'"),
        ([stored("a"), stored("a")], "user 'a' comes behind 'a'"),
        ([stored("a"), stored("a", data_type="project"), stored("b")], "comes apart"),
        ([stored("a", data_type="../user")], "is no data type"),
        ([stored("")], "has no id"),
    ],
)
async def test_objects_out_of_order_are_refused(
    house: House, objects: list[StoredObject], why: str
) -> None:
    with pytest.raises(BadRequestError, match=why) as caught:  # noqa: PT012
        async with replacement(house) as replaced:
            for each in objects:
                await replaced.put(each)
    assert caught.value.reason == "EXPORT_INVALID"
    assert house.files("") == []


class Failing:
    """A real key-value store, which is away as soon as the status was written."""

    def __init__(self, kv: KeyValue, house: House) -> None:
        self._kv = kv
        self._statuses = len(self._written(house))
        self._house = house

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kv, name)

    @staticmethod
    def _written(house: House) -> list[Any]:
        return [path for path in house.files("data") if path.suffix == ".status"]

    async def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
    ) -> Outcome:
        if len(self._written(self._house)) > self._statuses:
            raise UnavailableError("the store does not answer", reason="KV_UNAVAILABLE")
        return await self._kv.txn(compares, success, failure)


async def test_a_crash_between_the_snapshot_and_the_reset_ends_as_replaced(house: House) -> None:
    async with house.opening() as store:
        old = await store.commit([put("a")])
    async with house.storage() as (kv, objects):
        await kv.txn([], [Put("runs/1", b"active")])
        failing: Any = Failing(kv, house)
        with pytest.raises(UnavailableError):  # noqa: PT012
            async with replacing(failing, objects, house.base) as replaced:
                await replaced.put(stored("b"))
                await replaced.commit()
        head = await kv.get(HEAD)
        assert head is not None
        assert head.value.decode().startswith(old)
        async with opening(kv, objects, house.base) as store:
            assert await scanned(store) == {"b": b"imported"}
            assert sequence.epoch_of(await store.position()) > sequence.epoch_of(old)
            assert await kv.get("runs/1") is None


async def test_who_opens_the_store_meanwhile_waits_for_the_end(house: House) -> None:
    async with house.storage() as (kv, objects):
        async with replacing(kv, objects, house.base) as replaced:
            await replaced.put(stored("a"))

            async def scan() -> dict[str, bytes]:
                async with opening(kv, objects, house.base) as store:
                    return await scanned(store)

            opened = asyncio.create_task(scan())
            await replaced.put(stored("b"))
            await replaced.commit()
        assert list(await opened) == ["a", "b"]


async def test_a_datamanager_that_was_open_all_the_time_ends_and_writes_nothing_more(
    house: House,
) -> None:
    async with house.storage() as (kv, objects):
        with pytest.raises(StateLostError):  # noqa: PT012
            async with opening(kv, objects, house.base, limits=NEVER) as store:
                groups = await store.groups(["group"])
                await store.commit([put("old")], groups=groups)
                async with replacing(kv, objects, house.base) as replaced:
                    await replaced.put(stored("a"))
                    await replaced.commit()
                with pytest.raises((StateLostError, UnavailableError, ConcurrencyError)):
                    await store.commit([put("never")], groups=groups)
                await asyncio.get_running_loop().create_future()
        async with opening(kv, objects, house.base, limits=NEVER) as store:
            assert await scanned(store) == {"a": b"imported"}
