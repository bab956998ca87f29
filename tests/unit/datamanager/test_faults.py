"""The datamanager over storage that fails for a moment."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import pytest

from agola.core.errors import NotExistError, UnavailableError
from agola.datamanager.store import StoredDataManager, opening
from agola.storage.kv.port import Compare, KeyValue, Operation, Outcome
from tests.unit.datamanager.conftest import NEVER, House
from tests.unit.datamanager.test_store import put, scanned


class Fault(Enum):
    REQUEST_LOST = "the request never arrives"
    ANSWER_LOST = "the request is carried out, its answer never arrives"


class FailingKeyValue:
    """A real key-value store, the next transaction of which fails as told."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv
        self.fault: Fault | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kv, name)

    async def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
    ) -> Outcome:
        fault, self.fault = self.fault, None
        if fault is not Fault.REQUEST_LOST:
            outcome = await self._kv.txn(compares, success, failure)
            if fault is None:
                return outcome
        raise UnavailableError("the store does not answer", reason="KV_UNAVAILABLE")


@asynccontextmanager
async def failing(house: House) -> AsyncGenerator[tuple[StoredDataManager, FailingKeyValue], None]:
    async with house.storage() as (kv, objects):
        wrapped: Any = FailingKeyValue(kv)
        async with opening(wrapped, objects, house.base, limits=NEVER) as store:
            yield store, wrapped


async def test_a_commit_whose_answer_was_lost_is_an_error_though_it_happened(house: House) -> None:
    async with failing(house) as (store, kv):
        kv.fault = Fault.ANSWER_LOST
        with pytest.raises(UnavailableError):
            await store.commit([put("a")], groups=await store.groups(["name"]))
        await store.commit([put("b")], groups=await store.groups(["name"]))
        assert list(await scanned(store)) == ["a", "b"]


async def test_a_commit_that_never_arrived_leaves_nothing_behind_that_counts(house: House) -> None:
    async with failing(house) as (store, kv):
        kv.fault = Fault.REQUEST_LOST
        with pytest.raises(UnavailableError):
            await store.commit([put("a")])
        await store.commit([put("b")])
        with pytest.raises(NotExistError):
            await store.read("user", "a")
    house.lose_key_value()
    async with house.opening() as store:
        assert list(await scanned(store)) == ["b"]


async def test_a_checkpoint_that_fails_at_its_end_loses_nothing(house: House) -> None:
    async with failing(house) as (store, kv):
        await store.commit([put("a")])
        kv.fault = Fault.REQUEST_LOST
        with pytest.raises(UnavailableError):
            await store.checkpoint()
        await store.commit([put("b")])
        await store.checkpoint()
        assert list(await scanned(store)) == ["a", "b"]
