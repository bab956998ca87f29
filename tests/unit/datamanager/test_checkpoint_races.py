"""Two processes make checkpoints at once: one wins, and nothing is lost."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from agola.core.errors import UnavailableError
from agola.datamanager.limits import Limits
from agola.datamanager.store import StoredDataManager, opening
from agola.storage.kv.port import KeyValue
from tests.testbed.faulty_objects import Fault, FaultyObjects
from tests.unit.datamanager.conftest import House
from tests.unit.datamanager.test_store import put, scanned

LIMITS = Limits(checkpoint_wals=1_000_000, keep_wals=4, max_file_bytes=2_000)


class WithoutLocks:
    """A real key-value store, the locks of which everybody gets: as if all had expired."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kv, name)

    @asynccontextmanager
    async def lock(self, name: str, *, ttl: timedelta) -> AsyncGenerator[None, None]:
        yield


class Two:
    """Two processes, one of which may be held up, and what is common to them."""

    def __init__(
        self, one: StoredDataManager, other: StoredDataManager, slow: FaultyObjects
    ) -> None:
        self.one = one
        self.other = other
        self.slow = slow
        """The object storage of the other one."""

    async def see_the_same(self) -> dict[str, bytes]:
        for store in (self.one, self.other):
            await store.groups([])
        found = await scanned(self.one)
        assert found == await scanned(self.other)
        return found


@asynccontextmanager
async def two(house: House) -> AsyncGenerator[Two, None]:
    async with house.storage() as (kv, objects), AsyncExitStack() as stack:
        slow = FaultyObjects(objects)
        without_locks: Any = WithoutLocks(kv)
        stores = [
            await stack.enter_async_context(opening(live, stored, house.base, limits=LIMITS))
            for live, stored in ((kv, objects), (without_locks, slow))
        ]
        yield Two(stores[0], stores[1], slow)


def used(store: StoredDataManager) -> set[str]:
    return {file.id for files in store._log.snapshot.files.values() for file in files}


def there(house: House) -> set[str]:
    return {path.stem for path in house.files("data") if path.suffix == ".data"}


async def test_one_of_two_wins_and_nothing_is_lost(house: House) -> None:
    expected: list[str] = []
    async with two(house) as both:
        for n in range(8):
            expected += [f"{n}-a", f"{n}-b"]
            await asyncio.gather(
                both.one.commit([put(f"{n}-a")]), both.other.commit([put(f"{n}-b")])
            )
            await asyncio.gather(both.one.checkpoint(), both.other.checkpoint())
            assert list(await both.see_the_same()) == expected
    house.lose_key_value()
    async with house.opening(LIMITS) as store:
        assert list(await scanned(store)) == expected


async def test_who_was_overtaken_deletes_what_he_wrote(house: House) -> None:
    async with two(house) as both:
        await both.one.commit([put("a")])
        await both.other.groups([])
        stall = both.slow.fail("write", fault=Fault.STALL, path=".status")
        late = asyncio.create_task(both.other.checkpoint())
        await stall.met.wait()
        for n in range(5):  # the files that the slow one builds upon are cleaned up meanwhile
            await both.one.commit([put(f"n{n}")])
            await both.one.checkpoint()
        stall.go_on.set()
        await late
        assert len(await both.see_the_same()) == 6
        statuses = [path.stem for path in house.files("data") if path.suffix == ".status"]
        assert statuses[-1] == both.one._log.snapshot.data_sequence
        kept = {each.id for each in await _files_of(both.one, statuses)}
        assert there(house) == kept
    house.lose_key_value()
    async with house.opening(LIMITS) as store:
        assert len(await scanned(store)) == 6


async def _files_of(store: StoredDataManager, statuses: list[str]) -> list[Any]:
    snapshots = [await store._snapshots.status(each) for each in statuses]  # type: ignore[arg-type]
    return [file for each in snapshots for files in each.files.values() for file in files]


async def test_files_of_a_checkpoint_under_way_elsewhere_are_not_touched(house: House) -> None:
    async with two(house) as both:
        await both.one.commit([put("a")])
        await both.other.groups([])
        stall = both.slow.fail("write", fault=Fault.STALL, path=".status")
        late = asyncio.create_task(both.other.checkpoint())
        await stall.met.wait()
        under_way = there(house)
        assert under_way
        await both.one._checkpoints._cleaner.clean()
        assert there(house) == under_way
        stall.go_on.set()
        await late
        assert used(both.other) == under_way
        assert await both.see_the_same() == {"a": b"x"}


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
@pytest.mark.parametrize("path", [".data", ".index", ".status"])
async def test_a_checkpoint_that_fails_leaves_no_files_behind(
    house: House, path: str, fault: Fault, *, again: bool
) -> None:
    async with two(house) as both:
        await both.other.commit([put(f"{n}", b"x" * 300) for n in range(20)])
        await both.other.checkpoint()
        before = there(house)
        await both.other.commit([put("a"), put("1")])
        both.slow.fail("write", path=path, fault=fault)
        with pytest.raises(UnavailableError):
            await both.other.checkpoint()
        assert there(house) == before
        assert len(await both.see_the_same()) == 21
        if again:
            await both.other.checkpoint()
            assert len(await both.see_the_same()) == 21
    house.lose_key_value()
    async with house.opening(LIMITS) as store:
        assert len(await scanned(store)) == 21
