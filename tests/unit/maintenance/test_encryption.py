"""agola.maintenance.encryption and key_register, over a real datamanager."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from agola import datamanager
from agola.config.model import Config
from agola.core.errors import AgolaError, InternalError, NotExistError, PreconditionError
from agola.core.keyring import Key, Keys, Sealer
from agola.core.sealing import SECRET, RecordSealer
from agola.datamanager.port import Action, DataManager
from agola.datamanager.store import StoredDataManager
from agola.maintenance.encryption import EncryptedData
from agola.maintenance.key_register import KeyRegister
from agola.model.encryption_key import EncryptionKey, RotationProgress
from agola.storage import kv, objects
from agola.storage.keyring.directory import KeyDirectory
from agola.storage.kv.port import KeyValue
from tests.fakes.keys import FixedKeys

OLD, NEW = Key("old", bytes(32)), Key("new", bytes([1]) * 32)
RECORDS = 120

Store: TypeAlias = tuple[StoredDataManager, KeyValue]


@dataclass
class Vault:
    """A service that keeps secrets, as one process sees it."""

    data: DataManager
    live: KeyValue
    keys: Keys
    lost: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.register = KeyRegister(self.data, self.keys, lost=self.lost)
        self.sealer = RecordSealer(Sealer(self.keys), "thing", {"value": SECRET})
        self.encrypted = EncryptedData(self.data, self.live, self.register, [self.sealer])

    async def put(self, *names: str, clear: bool = False) -> None:
        key = await self.register.current()
        records: dict[str, dict[str, Any]] = {name: {"value": f"of {name}"} for name in names}
        if not clear:
            records = {name: self.sealer.seal(name, one, key) for name, one in records.items()}
        await self.data.commit(
            [Action("thing", name, msgspec.json.encode(one)) for name, one in records.items()]
        )

    async def get(self, name: str) -> str:
        stored = self.sealer.decode(name, await self.data.read("thing", name))
        return str(self.sealer.open(name, stored)["value"])

    async def used(self) -> dict[str, int]:
        """Count records by the key that encrypts them."""
        keyring = await self.encrypted.keyring(count=True)
        counts = {key.id: key.records for key in keyring.keys} | {"": keyring.clear_records}
        return {key_id: count for key_id, count in counts.items() if count}

    async def rotated(self, key_id: str) -> list[RotationProgress]:
        return [progress async for progress in self.encrypted.rotate(key_id)]


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncGenerator[Store, None]:
    config = Config(data_dir=tmp_path / "data")
    async with (
        kv.opening(config, "tests") as live,
        objects.opening(config, "tests") as stored,
        datamanager.opening(live, stored, "data") as data,
    ):
        yield data, live


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store, None]:
    async with opened(tmp_path) as both:
        yield both


def names(count: int = RECORDS) -> list[str]:
    return [f"{number:05}" for number in range(count)]


async def test_the_first_start_makes_a_key_and_registers_it(tmp_path: Path, store: Store) -> None:
    vault = Vault(*store, KeyDirectory(tmp_path / "keys"))
    await vault.encrypted.start()
    (key_id,) = vault.keys.ids()
    assert await vault.register.ids() == {key_id}
    await Vault(*store, KeyDirectory(tmp_path / "keys")).encrypted.start()
    assert list(vault.keys.ids()) == [key_id]


async def test_a_key_that_is_gone_and_encrypts_nothing_is_not_missed(
    store: Store, tmp_path: Path
) -> None:
    keys = KeyDirectory(tmp_path / "keys")
    vault = Vault(*store, keys)
    await vault.encrypted.start()
    (old,) = keys.ids()
    new = await vault.encrypted.create(instead_of=old)
    await keys.remove(old)  # as the removal does, last; it was cut short in another service
    await Vault(*store, keys).encrypted.start()
    assert await vault.register.ids() == {new}


async def test_without_the_keys_it_does_not_start_and_makes_no_other(
    tmp_path: Path, store: Store
) -> None:
    vault = Vault(*store, KeyDirectory(tmp_path / "keys"))
    await vault.encrypted.start()
    (key_id,) = vault.keys.ids()
    await vault.put("a")
    empty = Vault(*store, KeyDirectory(tmp_path / "empty"))
    with pytest.raises(InternalError) as caught:
        await empty.encrypted.start()
    assert caught.value.reason == "ENCRYPTION_KEY_UNKNOWN"
    assert caught.value.metadata["keyId"] == key_id
    assert str(tmp_path / "empty") in caught.value.message
    assert not empty.keys.ids()


async def test_another_key_of_the_same_id_is_noticed_at_the_start(
    store: Store,
) -> None:
    await Vault(*store, FixedKeys(OLD)).encrypted.start()
    with pytest.raises(InternalError) as caught:
        await Vault(*store, FixedKeys(Key("old", bytes([9]) * 32))).encrypted.start()
    assert caught.value.reason == "ENCRYPTION_KEY_WRONG"


async def test_of_two_that_start_with_keys_of_their_own_one_is_refused(
    tmp_path: Path, store: Store
) -> None:
    vaults = [Vault(*store, KeyDirectory(tmp_path / name)) for name in ("one", "other")]
    ended = await asyncio.gather(
        *(each.encrypted.start() for each in vaults), return_exceptions=True
    )
    refused = [error for error in ended if error]
    assert [getattr(error, "reason", error) for error in refused] == ["ENCRYPTION_KEY_UNKNOWN"]


async def test_keys_that_are_given_up_for_lost_are_done_without(
    store: Store,
) -> None:
    old = Vault(*store, FixedKeys(OLD))
    await old.put("a")
    vault = Vault(*store, FixedKeys(NEW), lost=("old",))
    await vault.encrypted.start()
    await vault.put("b")
    assert await vault.get("b") == "of b"
    with pytest.raises(InternalError) as caught:
        await vault.get("a")
    assert caught.value.reason == "ENCRYPTION_KEY_UNKNOWN"
    keyring = await vault.encrypted.keyring(count=True)
    assert EncryptionKey(id="old", missing=True, records=1) in keyring.keys
    assert (await vault.rotated("new"))[-1] == RotationProgress(
        records=2, encrypted=0, complete=True
    )


async def test_a_rotation_encrypts_everything_anew(store: Store) -> None:
    keys = FixedKeys(OLD)
    vault = Vault(*store, keys)
    await vault.put(*names())
    await vault.put("clear", clear=True)
    keys.put(NEW)
    await vault.put("late")
    assert await vault.used() == {"old": RECORDS, "new": 1, "": 1}
    progress = await vault.rotated("new")
    assert progress[-1] == RotationProgress(
        records=RECORDS + 2, encrypted=RECORDS + 1, complete=True
    )
    assert [each.complete for each in progress].count(True) == 1
    assert await vault.used() == {"new": RECORDS + 2}
    for name in (*names(), "clear", "late"):
        assert await vault.get(name) == f"of {name}"


async def test_a_rotation_that_is_broken_off_goes_on_where_it_was(
    store: Store,
) -> None:
    keys = FixedKeys(OLD)
    vault = Vault(*store, keys)
    await vault.put(*names())
    keys.put(NEW)
    async with aclosing(vault.encrypted.rotate("new")) as rotation:
        first = await anext(rotation)
    assert 0 < first.encrypted < RECORDS
    assert await vault.used() == {"old": RECORDS - first.encrypted, "new": first.encrypted}
    rest = await Vault(*store, keys).rotated("new")
    assert rest[-1].encrypted == RECORDS - first.encrypted
    assert await vault.used() == {"new": RECORDS}


async def test_a_rotation_ends_when_another_key_becomes_current(
    store: Store,
) -> None:
    keys = FixedKeys(OLD)
    vault = Vault(*store, keys)
    await vault.put(*names())
    with pytest.raises(PreconditionError) as caught:
        await vault.rotated("new")
    assert caught.value.reason == "ENCRYPTION_KEY_NOT_CURRENT"
    keys.put(NEW)
    async with aclosing(vault.encrypted.rotate("new")) as rotation:
        await anext(rotation)
        keys.put(Key("newest", bytes([2]) * 32))
        with pytest.raises(PreconditionError):
            await anext(rotation)
    await vault.rotated("newest")
    assert await vault.used() == {"newest": RECORDS}


async def test_two_rotations_at_once_end_as_one(store: Store) -> None:
    keys = FixedKeys(OLD)
    vault, other = Vault(*store, keys), Vault(*store, keys)
    await vault.put(*names())
    keys.put(NEW)
    both = await asyncio.gather(vault.rotated("new"), other.rotated("new"))
    assert sorted(each[-1].encrypted for each in both) == [0, RECORDS]


async def test_a_rotation_goes_on_through_checkpoints(tmp_path: Path) -> None:
    async with opened(tmp_path) as (data, live):
        keys = FixedKeys(OLD)
        vault = Vault(data, live, keys)
        await vault.put(*names())
        keys.put(NEW)
        async with aclosing(vault.encrypted.rotate("new")) as rotation:
            async for _ in rotation:
                for _ in range(3):
                    await data.checkpoint()
                    await vault.put("more")
        assert await vault.used() == {"new": RECORDS + 1}
    async with opened(tmp_path) as (data, live):
        vault = Vault(data, live, keys)
        assert await vault.get("00000") == "of 00000"


async def test_a_key_goes_only_when_nothing_is_encrypted_with_it(
    tmp_path: Path, store: Store
) -> None:
    vault = Vault(*store, KeyDirectory(tmp_path / "keys"))
    await vault.encrypted.start()
    (old,) = vault.keys.ids()
    await vault.put("a")
    for reason, key_id in (
        ("ENCRYPTION_KEY_IS_CURRENT", old),
        ("ENCRYPTION_KEY_DOES_NOT_EXIST", "none"),
    ):
        with pytest.raises(AgolaError) as caught:
            await vault.encrypted.delete(key_id)
        assert caught.value.reason == reason
    new = await vault.encrypted.create(instead_of=old)
    assert await vault.encrypted.create(instead_of=old) == new
    with pytest.raises(PreconditionError) as used:
        await vault.encrypted.delete(old)
    assert used.value.reason == "ENCRYPTION_KEY_IN_USE"
    await vault.rotated(new)
    await vault.encrypted.delete(old, validate_only=True)
    assert set(vault.keys.ids()) == {old, new}
    await vault.encrypted.delete(old)
    assert set(vault.keys.ids()) == await vault.register.ids() == {new}
    assert await vault.get("a") == "of a"
    with pytest.raises(NotExistError):
        await vault.encrypted.delete(old)
    await Vault(*store, KeyDirectory(tmp_path / "keys")).encrypted.start()
