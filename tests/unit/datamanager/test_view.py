"""agola.datamanager.view: all objects as of one moment, however long one looks at it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from agola.core.errors import UnavailableError
from agola.datamanager.errors import DataDamagedError
from agola.datamanager.layout import PINS, SNAPSHOT
from agola.datamanager.limits import Limits
from agola.datamanager.pins import pinned
from agola.datamanager.port import View
from agola.datamanager.store import opening
from agola.storage.kv.port import Compare, KeyValue, Lease, Operation, Outcome, Put
from tests.unit.datamanager.conftest import NEVER, House
from tests.unit.datamanager.test_store import gone, put, scanned

FEW = Limits(checkpoint_wals=1_000_000, keep_wals=1, keep_snapshots=1, max_file_bytes=200)


async def seen(view: View) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for data_type in view.types():
        async with aclosing(view.scan(data_type)) as objects:
            found[data_type] = [each.id async for each in objects]
    return found


async def test_a_view_stays_as_it_was_whatever_is_committed_checkpointed_and_cleaned(
    house: House,
) -> None:
    async with house.opening(FEW) as store:
        await store.commit([put(f"{n:02}") for n in range(20)])
        await store.checkpoint()
        last = await store.commit([put("new"), gone("00"), put("a", data_type="project")])
        async with store.view() as view:
            expected = {"project": ["a"], "user": [f"{n:02}" for n in range(1, 20)] + ["new"]}
            for n in range(8):
                await store.commit([gone(f"{n:02}"), gone("new"), put(f"later{n}")])
                await store.checkpoint()
                assert await seen(view) == expected
            assert view.position == last
        assert len(await scanned(store)) == 20


async def test_a_cleaner_of_another_process_leaves_what_somebody_looks_at(house: House) -> None:
    async with (
        house.storage() as (kv, objects),
        opening(kv, objects, house.base, limits=FEW) as reader,
        opening(kv, objects, house.base, limits=FEW) as cleaner,
    ):
        await reader.commit([put(f"{n:02}") for n in range(20)])
        await reader.checkpoint()
        async with reader.view() as view:
            before = house.files("data")
            for n in range(5):
                await cleaner.commit([put(f"{m:02}", b"new") for m in range(n, 20)])
                await cleaner.checkpoint()
            assert {path for path in before if path.suffix != ".status"} <= set(house.files("data"))
            assert await seen(view) == {"user": [f"{n:02}" for n in range(20)]}
        assert not await pinned(kv)
        await cleaner.commit([put("last")])
        await cleaner.checkpoint()
        assert not set(before) & set(house.files("data"))


async def test_a_view_is_as_new_as_what_another_process_committed_before(house: House) -> None:
    async with (
        house.storage() as (kv, objects),
        opening(kv, objects, house.base, limits=NEVER) as one,
        opening(kv, objects, house.base, limits=NEVER) as other,
    ):
        for n in range(20):
            last = await one.commit([put(f"{n:02}")])
            async with other.view() as view:
                assert view.position >= last
                assert (await seen(view))["user"][-1] == f"{n:02}"


async def test_a_scan_of_a_view_goes_on_behind_any_id(house: House) -> None:
    async with house.opening() as store:
        await store.commit([put(each) for each in "ace"])
        await store.checkpoint()
        await store.commit([put(each) for each in "bd"])
        async with store.view() as view, aclosing(view.scan("user", after="b")) as objects:
            assert [each.id async for each in objects] == ["c", "d", "e"]


async def test_a_view_of_nothing_has_no_types(house: House) -> None:
    async with house.opening() as store, store.view() as view:
        assert list(view.types()) == []
        assert await seen(view) == {}


class Interfering:
    """A real key-value store; before the next pin is put, something is done."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv
        self.before_pin: Any = None
        self.lose_leases = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kv, name)

    @asynccontextmanager
    async def lease(self, ttl: timedelta) -> AsyncGenerator[Lease, None]:
        async with self._kv.lease(ttl) as lease:
            yield _LostLease(lease) if self.lose_leases else lease

    async def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
    ) -> Outcome:
        is_pin = any(isinstance(each, Put) and each.key.startswith(PINS) for each in success)
        if is_pin and self.before_pin is not None:
            before, self.before_pin = self.before_pin, None
            await before()
        return await self._kv.txn(compares, success, failure)


class _LostLease:
    def __init__(self, lease: Lease) -> None:
        self.id = lease.id

    async def lost(self) -> None:
        """It is gone at once."""


async def test_a_checkpoint_just_before_the_pin_only_means_to_pin_the_new_snapshot(
    house: House,
) -> None:
    async with house.storage() as (kv, objects):
        wrapped: Any = Interfering(kv)
        async with opening(wrapped, objects, house.base, limits=FEW) as store:
            await store.commit([put("a")])

            async def interfere() -> None:
                await store.commit([put("b")])
                await store.checkpoint()

            wrapped.before_pin = interfere
            async with store.view() as view:
                pointer = await kv.get(SNAPSHOT)
                assert pointer is not None
                assert await pinned(kv) == {pointer.value.decode()}
                assert await seen(view) == {"user": ["a", "b"]}


async def test_a_view_whose_pin_is_lost_says_so(house: House) -> None:
    async with house.storage() as (kv, objects):
        wrapped: Any = Interfering(kv)
        async with opening(wrapped, objects, house.base, limits=FEW) as store:
            await store.commit([put("a")])
            await store.checkpoint()
            wrapped.lose_leases = True
            async with store.view() as view:
                with pytest.raises(UnavailableError) as caught:  # noqa: PT012
                    while True:
                        await seen(view)
    assert caught.value.reason == "VIEW_LOST"


async def test_a_view_says_which_file_is_missing_instead_of_asking_to_begin_again(
    house: House,
) -> None:
    async with house.opening() as store:
        await store.commit([put("a")])
        await store.checkpoint()
        (missing,) = [path for path in house.files("data") if path.suffix == ".data"]
        missing.unlink()
        async with store.view() as view:
            with pytest.raises(DataDamagedError, match=missing.name):
                await seen(view)
