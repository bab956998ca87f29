"""What is damaged is said to be so, and neither built upon nor cleaned away."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agola.datamanager.errors import DataDamagedError
from agola.datamanager.layout import Paths, WalHeader, sequence_in
from agola.datamanager.limits import Limits
from agola.datamanager.store import StoredDataManager, opening
from agola.datamanager.wal import WalObjects
from tests.testbed.faulty_objects import Fault, FaultyObjects
from tests.unit.datamanager.conftest import NEVER, House
from tests.unit.datamanager.test_store import put, scanned

Damage = Callable[[bytes], bytes]


def truncated(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def emptied(_raw: bytes) -> bytes:
    return b""


def extended(raw: bytes) -> bytes:
    return raw + b'{"type":"user","id":"zzz","size":1}\nx\n'


def flipped(raw: bytes) -> bytes:
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]


DAMAGES = [truncated, emptied, extended, flipped]


@pytest.fixture(params=DAMAGES)
def damage(request: pytest.FixtureRequest) -> Damage:
    found: Damage = request.param
    return found


async def filled(house: House) -> None:
    """Make two snapshots, and a batch in none of them."""
    async with house.opening() as store:
        for n in range(2):
            await store.commit([put(f"{n}-{m}", b"x" * 50) for m in range(300)])
            await store.checkpoint()
        await store.commit([put("1-5", b"changed"), put("new")])


def spoil(house: House, folder: str, suffix: str, damage: Damage) -> Path:
    """Damage the newest object with a suffix.  Gives its file."""
    file = [path for path in house.files(folder) if path.name.endswith(suffix)][-1]
    file.write_bytes(damage(file.read_bytes()))
    return file


def everything(house: House) -> dict[Path, bytes]:
    return {path: path.read_bytes() for folder in ("data", "wals") for path in house.files(folder)}


async def must_be_refused(house: House, file: Path) -> None:
    with pytest.raises(DataDamagedError) as caught:
        async with house.opening():
            pass
    assert caught.value.reason == "DATA_DAMAGED"
    assert file.as_posix().endswith(caught.value.metadata["path"])


@pytest.mark.parametrize("lost", [True, False])
async def test_a_damaged_newest_snapshot_is_neither_started_from_nor_cleaned_away(
    house: House, damage: Damage, *, lost: bool
) -> None:
    await filled(house)
    file = spoil(house, "data", ".status", damage)
    before = everything(house)
    if lost:
        house.lose_key_value()
    await must_be_refused(house, file)
    assert everything(house) == before


@pytest.mark.parametrize("suffix", [".data", ".index"])
async def test_a_damaged_file_is_not_folded_over(house: House, damage: Damage, suffix: str) -> None:
    await filled(house)
    file = spoil(house, "data", suffix, damage)
    before = everything(house)
    async with house.opening() as store:
        with pytest.raises(DataDamagedError):
            await store.checkpoint()
        with pytest.raises(DataDamagedError) as caught:
            await store.checkpoint()
        assert await store.read("user", "1-5") == b"changed"
    assert file.as_posix().endswith(caught.value.metadata["path"])
    assert everything(house) == before


@pytest.mark.parametrize("suffix", [".data", ".index"])
async def test_a_missing_file_is_not_taken_for_one_that_was_cleaned_up(
    house: House, suffix: str
) -> None:
    await filled(house)
    file = [path for path in house.files("data") if path.suffix == suffix][-1]
    file.unlink()
    before = everything(house)
    async with house.opening() as store:
        for work in (store.read("user", "1-7"), store.checkpoint()):
            with pytest.raises(DataDamagedError) as caught:
                await work
            assert file.as_posix().endswith(caught.value.metadata["path"])
    assert everything(house) == before


@pytest.mark.parametrize("suffix", [".data", ".index"])
async def test_a_damaged_file_is_not_scanned(house: House, damage: Damage, suffix: str) -> None:
    await filled(house)
    spoil(house, "data", suffix, damage)
    async with house.opening() as store:
        with pytest.raises(DataDamagedError):
            await scanned(store)


@pytest.mark.parametrize("damage", [truncated, emptied, flipped])
async def test_a_damaged_object_is_not_read(house: House, damage: Damage) -> None:
    await filled(house)
    spoil(house, "data", ".data", damage)
    async with house.opening() as store:
        with pytest.raises(DataDamagedError):
            await asyncio.gather(*(store.read("user", f"1-{n}") for n in range(300)))


async def test_no_byte_of_a_batch_may_change(house: House) -> None:
    await filled(house)
    file = house.files("wals/data")[-1]
    whole = file.read_bytes()
    async with house.storage() as (_, objects):
        wals = WalObjects(objects, Paths(house.base))
        header = WalHeader(sequence=sequence_in(file.name), previous=None, data_id=file.name)
        for place in range(len(whole)):
            changed = bytes([whole[place] ^ 1])
            file.write_bytes(whole[:place] + changed + whole[place + 1 :])
            with pytest.raises(DataDamagedError):
                await wals.read_data(header)


async def test_a_damaged_batch_is_not_applied(house: House, damage: Damage) -> None:
    await filled(house)
    file = spoil(house, "wals/data", "", damage)
    before = everything(house)
    await must_be_refused(house, file)
    house.lose_key_value()
    await must_be_refused(house, file)
    assert everything(house) == before


@pytest.mark.parametrize("damage", [truncated, emptied])
async def test_a_damaged_marker_is_not_skipped(house: House, damage: Damage) -> None:
    await filled(house)
    file = spoil(house, "wals/status", ".committed", damage)
    house.lose_key_value()
    await must_be_refused(house, file)


@asynccontextmanager
async def faulty(
    house: House, limits: Limits = NEVER
) -> AsyncGenerator[tuple[StoredDataManager, FaultyObjects], None]:
    async with house.storage() as (kv, objects):
        wrapped = FaultyObjects(objects)
        async with opening(kv, wrapped, house.base, limits=limits) as store:
            yield store, wrapped


async def test_a_read_that_ends_early_is_noticed_and_does_no_harm(house: House) -> None:
    await filled(house)
    async with faulty(house) as (store, objects):
        for path in (".index", ".data"):
            objects.fail("read", path=path, fault=Fault.TRUNCATE)
            with pytest.raises(DataDamagedError):
                await store.read("user", "0-7")
        objects.fail("read", path=".data", fault=Fault.TRUNCATE)
        with pytest.raises(DataDamagedError):
            await store.checkpoint()
        assert await store.read("user", "0-7") == b"x" * 50
        await store.checkpoint()
        assert len(await scanned(store)) == 601


async def test_nothing_is_cleaned_up_as_long_as_a_snapshot_that_stays_is_damaged(
    house: House,
) -> None:
    await filled(house)
    async with house.opening(Limits(checkpoint_wals=1_000_000, keep_wals=1)) as store:
        await store.checkpoint()  # three, beside the empty one of the beginning
        old = next(path for path in house.files("data") if path.suffix == ".status")
    async with house.opening(Limits(checkpoint_wals=1_000_000, keep_wals=1)) as store:
        whole = old.read_bytes()
        await store._checkpoints._cleaner.clean()
        old.write_bytes(truncated(whole))
    async with house.opening(Limits(checkpoint_wals=1_000_000, keep_wals=1)) as store:
        before = everything(house)
        with pytest.raises(DataDamagedError):
            await store._checkpoints._cleaner.clean()
        assert everything(house) == before
        old.write_bytes(whole)
        await store.commit([put("a")])
        await store.checkpoint()
        assert not old.exists()
