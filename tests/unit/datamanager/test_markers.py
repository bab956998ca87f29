"""agola.datamanager.markers: what one process leaves unmarked another one marks."""

import asyncio
from collections.abc import AsyncIterable

from agola.core.errors import NotExistError
from agola.datamanager.layout import sequence_in
from agola.datamanager.port import WalSequence
from agola.datamanager.store import opening
from agola.storage.objects.port import ObjectInfo, ObjectStorage
from tests.testbed.faulty_objects import Fault, FaultyObjects
from tests.unit.datamanager.conftest import NEVER, House
from tests.unit.datamanager.test_store import put, scanned

MARKER = ".committed"


class Observed(FaultyObjects):
    """A real object storage that tells which markers were asked for, and written."""

    def __init__(self, objects: ObjectStorage) -> None:
        super().__init__(objects)
        self.looks: list[WalSequence] = []
        self.written: list[WalSequence] = []
        self._told: asyncio.Queue[tuple[WalSequence, bool]] = asyncio.Queue()

    async def stat(self, path: str) -> ObjectInfo:
        try:
            info = await super().stat(path)
        except NotExistError:
            self._look(path, found=False)
            raise
        self._look(path, found=True)
        return info

    async def write(self, path: str, data: bytes | AsyncIterable[bytes]) -> int:
        size = await super().write(path, data)
        if MARKER in path:
            self.written.append(sequence_in(path))
            self._told.put_nowait((sequence_in(path), True))
        return size

    def _look(self, path: str, *, found: bool) -> None:
        if MARKER in path:
            self.looks.append(sequence_in(path))
            self._told.put_nowait((sequence_in(path), found))

    async def told(self, sequence: WalSequence, *, marked: bool) -> None:
        """Wait until it is known here whether a batch is marked."""
        async with asyncio.timeout(10):
            while await self._told.get() != (sequence, marked):
                pass


async def test_the_last_batch_of_who_died_outlives_a_restore_to_just_before_it(
    house: House,
) -> None:
    async with house.opening() as store:
        await store.commit([put("a")])
    backup = house.copy_key_value()
    async with house.storage() as (kv, objects):
        alive, dying = Observed(objects), FaultyObjects(objects)
        dying.fail("write", path=MARKER, times=-1)
        async with (
            opening(kv, alive, house.base, limits=NEVER),
            opening(kv, dying, house.base, limits=NEVER) as sibling,
        ):
            last = await sibling.commit([put("b")])
            await alive.told(last, marked=True)
    house.restore_key_value(backup)
    async with house.opening() as store:
        assert list(await scanned(store)) == ["a", "b"]


async def test_who_marks_in_time_costs_others_no_more_than_a_look(house: House) -> None:
    async with house.storage() as (kv, objects):
        observed = Observed(objects)
        async with (
            opening(kv, observed, house.base, limits=NEVER),
            opening(kv, objects, house.base, limits=NEVER) as sibling,
        ):
            observed.written.clear()  # that of the first batch there is
            sequences = [await sibling.commit([put(str(n))]) for n in range(5)]
            await observed.told(sequences[-1], marked=True)
        assert observed.written == []
        assert len(observed.looks) <= len(sequences)


async def test_who_marks_slowly_is_not_helped(house: House) -> None:
    async with house.storage() as (kv, objects):
        observed, slow = Observed(objects), FaultyObjects(objects)
        async with (
            opening(kv, observed, house.base, limits=NEVER),
            opening(kv, slow, house.base, limits=NEVER) as sibling,
        ):
            observed.written.clear()
            stalls = [slow.fail("write", path=MARKER, fault=Fault.STALL) for _ in range(3)]
            sequences = [await sibling.commit([put(str(n))]) for n in range(3)]
            for sequence, stall in zip(sequences, stalls, strict=True):
                await observed.told(sequence, marked=False)
                stall.go_on.set()
            await observed.told(sequences[-1], marked=True)
        assert observed.written == []
