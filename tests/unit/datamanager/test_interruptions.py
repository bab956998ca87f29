"""What happens between the question and the answer of a key-value store."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from agola.core.errors import UnavailableError
from agola.datamanager.layout import HEAD, LOG
from agola.datamanager.port import WalSequence
from agola.datamanager.store import StoredDataManager, opening
from agola.storage.kv.port import Changes, Entry, KeyValue, Page, Revision
from tests.unit.datamanager.conftest import NEVER, House
from tests.unit.datamanager.test_store import put, scanned


class SlowToAnswer:
    """A real key-value store; before it says what the head is, something else happens, once."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kv, name)

    async def get(self, key: str) -> Entry | None:
        entry = await self._kv.get(key)
        if key == HEAD and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return entry


async def seen(store: StoredDataManager, after: WalSequence) -> None:
    """Wait until a store has heard of a batch behind *after*."""
    async with aclosing(store.follow(after)) as batches:
        await anext(batches)


async def test_a_batch_of_a_sibling_while_the_head_is_read_is_none_of_another_time(
    house: House,
) -> None:
    async with house.storage() as (kv, objects):
        slow: Any = SlowToAnswer(kv)
        async with (
            opening(kv, objects, house.base, limits=NEVER) as sibling,
            opening(slow, objects, house.base, limits=NEVER) as store,
        ):

            async def commit() -> None:
                before = await store.position()
                await sibling.commit([put(before)])
                await seen(store, before)

            slow.meanwhile = commit
            groups = await store.groups(["name"])
            slow.meanwhile = commit
            last = await store.commit([put("a")], groups=groups)
            assert slow.meanwhile is None
            assert await store.position() == last
            assert len(await scanned(store)) == 3


class CutOff:
    """A real key-value store whose watch is cut off when told, and goes on later from there."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv
        self.cut = asyncio.Event()
        self.back = asyncio.Event()
        self.failures = 0
        """So many times the log cannot be read."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kv, name)

    async def watch(self, prefix: str, *, after: Revision) -> AsyncGenerator[Changes, None]:
        async with aclosing(self._kv.watch(prefix, after=after)) as told:
            async for changes in told:
                if self.cut.is_set() and not self.back.is_set():
                    break
                yield changes
                after = changes.revision
        await self.back.wait()
        async with aclosing(self._kv.watch(prefix, after=after)) as told:
            async for changes in told:
                yield changes

    async def range(self, prefix: str, **options: Any) -> Page:
        if prefix == LOG and self.failures:
            self.failures -= 1
            raise UnavailableError("the store does not answer", reason="KV_UNAVAILABLE")
        return await self._kv.range(prefix, **options)


async def test_a_log_that_cannot_be_read_anew_for_a_moment_goes_on_afterwards(
    house: House,
) -> None:
    async with house.storage() as (kv, objects):
        cut_off: Any = CutOff(kv)
        async with (
            opening(kv, objects, house.base, limits=NEVER) as sibling,
            opening(cut_off, objects, house.base, limits=NEVER) as store,
        ):
            await sibling.commit([put("a")])
            await store.groups([])  # so it is watching
            cut_off.cut.set()
            await sibling.commit([put("b")])
            await sibling.commit([put("c")])
            await kv.compact((await kv.range(LOG)).revision)
            cut_off.failures = 1
            cut_off.back.set()
            async with asyncio.timeout(10):
                await store.groups([])
            assert cut_off.failures == 0
            await store.commit([put("d")])
            assert list(await scanned(store)) == ["a", "b", "c", "d"]
