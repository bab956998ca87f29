"""What is left behind by crashes goes; what somebody may need stays; it costs what it must."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from agola.datamanager.layout import PINS, WALS
from agola.datamanager.limits import Limits
from agola.datamanager.sequence import following
from agola.datamanager.store import StoredDataManager, opening
from agola.storage.kv.port import Delete, Put
from agola.storage.objects.port import ObjectInfo, ObjectStorage
from tests.unit.datamanager.conftest import House
from tests.unit.datamanager.test_store import gone, put, scanned

ASKED = 1_000_000
"""Checkpoints only when asked for."""
FEW = Limits(checkpoint_wals=ASKED, keep_wals=1)


class Telling:
    """A real object storage that tells what was deleted."""

    def __init__(self, objects: ObjectStorage, root: Path) -> None:
        self._objects = objects
        self._root = root
        self.deleted: asyncio.Queue[Path] = asyncio.Queue()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    async def delete(self, path: str) -> None:
        await self._objects.delete(path)
        self.deleted.put_nowait(self._root / path)


@asynccontextmanager
async def deleting(
    house: House,
) -> AsyncGenerator[tuple[StoredDataManager, asyncio.Queue[Path]], None]:
    async with house.storage() as (kv, objects):
        telling: Any = Telling(objects, house.objects_root / "data")
        async with opening(kv, telling, house.base, limits=FEW) as store:
            yield store, telling.deleted


class Counting:
    """A real object storage that counts what it lists."""

    def __init__(self, objects: ObjectStorage) -> None:
        self._objects = objects
        self.listed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    async def list(
        self, prefix: str = "", *, after: str = "", recursive: bool = True
    ) -> AsyncGenerator[ObjectInfo, None]:
        found = self._objects.list(prefix, after=after, recursive=recursive)
        async with aclosing(found) as infos:
            async for info in infos:
                self.listed += 1
                yield info


def copied(file: Path, number: int = 0) -> Path:
    """Copy an object as if another process had written it under another id."""
    sequence = "-".join(file.name.split("-")[:2])
    copy = file.with_name(f"{sequence}-{UUID(int=number)}{file.suffix}")
    copy.write_bytes(file.read_bytes())
    return copy


async def test_files_that_a_crash_left_are_cleaned_up_after_the_next_start(house: House) -> None:
    async with house.opening(FEW) as store:
        await store.commit([put("a")])
        await store.checkpoint()
    orphans = [copied(path) for path in house.files("data") if path.suffix in {".data", ".index"}]
    assert len(orphans) == 2
    async with deleting(house) as (store, deleted):
        for _ in orphans:
            assert await deleted.get() in orphans
        assert await scanned(store) == {"a": b"x"}


async def test_files_that_are_newer_than_the_newest_snapshot_go_once_one_is_newer(
    house: House,
) -> None:
    async with house.opening(FEW) as store:
        await store.commit([put("a")])
        await store.checkpoint()
        [file] = [path for path in house.files("data") if path.suffix == ".data"]
        newer = following(store._log.snapshot.data_sequence)
        orphan = file.with_name(f"{newer}-{UUID(int=0)}.data")
        orphan.write_bytes(b"of a checkpoint under way")
        await store._checkpoints._cleaner.clean()
        assert orphan.exists()
        for n in range(2):  # it died; a number is never used twice
            await store.commit([put(f"{n}")])
            await store.checkpoint()
        assert not orphan.exists()


async def test_an_orphan_of_a_data_type_that_has_no_other_files_goes_too(house: House) -> None:
    async with house.opening(FEW) as store:
        await store.commit([put("a")])
        await store.checkpoint()
        [file] = [path for path in house.files("data") if path.suffix == ".data"]
    orphan = file.parent.parent / "other" / file.name
    orphan.parent.mkdir()
    orphan.write_bytes(b"")
    async with deleting(house) as (_, deleted):
        assert await deleted.get() == orphan


async def test_files_of_a_type_whose_objects_are_all_deleted_go(house: House) -> None:
    async with house.opening(FEW) as store:
        await store.commit([put("a"), put("a", data_type="token")])
        await store.checkpoint()
        await store.commit([gone("a", data_type="token")])
        for n in range(4):
            await store.checkpoint()
            await store.commit([put(f"{n}")])
        assert not house.files("data/token")


async def test_data_of_batches_that_were_never_committed_goes_with_those_beside_it(
    house: House,
) -> None:
    async with house.opening(FEW) as store:
        await store.commit([put("a")])
        orphans = [copied(house.files("wals/data")[-1], number) for number in range(3)]
        for n in range(5):
            await store.commit([put(f"{n}")])
            await store.checkpoint()
        assert not any(orphan.exists() for orphan in orphans)
        assert len(house.files("wals/data")) <= 4


@pytest.mark.parametrize("keep", [1, 5, 20])
async def test_the_newest_batches_stay_in_the_key_value_store_for_followers(
    house: House, keep: int
) -> None:
    limits = Limits(checkpoint_wals=ASKED, keep_wals=keep)
    async with (
        house.storage() as (kv, objects),
        opening(kv, objects, house.base, limits=limits) as store,
    ):
        sequences = [await store.commit([put(f"{n}")]) for n in range(30)]
        await store.checkpoint()
        found = [each.key for each in (await kv.range(WALS)).entries]
        assert found == [WALS + each for each in sequences[-keep:]]


async def test_a_pinned_snapshot_stays_with_its_files_until_it_is_no_longer(house: House) -> None:
    async with (
        house.storage() as (kv, objects),
        opening(kv, objects, house.base, limits=FEW) as store,
    ):
        await store.commit([put("a", b"old")])
        await store.checkpoint()
        pinned = store._log.snapshot
        await kv.txn([], [Put(PINS + "reader", pinned.data_sequence.encode())])
        for n in range(6):
            await store.commit([put("a", b"%d" % n)])
            await store.checkpoint()
        assert await store._snapshots.read(pinned, "user", "a") == b"old"
        assert len([path for path in house.files("data") if path.suffix == ".status"]) == 4
        await kv.txn([], [Delete(PINS + "reader")])
        await store.commit([put("b")])
        await store.checkpoint()
        assert len([path for path in house.files("data") if path.suffix == ".status"]) == 3
        assert pinned.files["user"][0].id not in {path.stem for path in house.files("data")}


async def test_what_a_clean_lists_does_not_grow_with_what_there_is(house: House) -> None:
    limits = Limits(checkpoint_wals=ASKED, keep_wals=2, max_file_bytes=1000)
    async with house.storage() as (kv, objects):
        counting: Any = Counting(objects)
        async with opening(kv, counting, house.base, limits=limits) as store:
            await store._checkpoints._cleaner.clean()
            listed = []
            for n in range(5):
                await store.commit([put(f"{n}-{m:03}", b"x" * 300) for m in range(100)])
                await store.checkpoint()
                for _ in range(3):
                    await store.commit([put("0-000", b"y")])
                    counting.listed = 0
                    await store.checkpoint()
                listed.append(counting.listed)
            assert len(house.files("data")) > 200
            assert max(listed) <= min(listed) + 2 < 40
