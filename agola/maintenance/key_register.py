"""Which keys a service's data needs.  It is part of the data, so that no key is missed too late."""

from collections.abc import Collection
from contextlib import aclosing

import msgspec

from agola.core.errors import AgolaError, ConcurrencyError, InternalError
from agola.core.keyring import Key, Keys, Place, unknown_key
from agola.datamanager.port import Action, DataManager, StoredObject

ENCRYPTION_KEY = "encryptionkey"
GROUP = "encryption-keys"


class RegisteredKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that may have encrypted something."""

    id: str
    check: str = ""
    """Nothing, encrypted with the key: whoever has another key of this id finds out.  Empty: it
    encrypts nothing here; it was the key of an installation whose data was imported."""
    format: int = 1


class KeyRegister:
    """The register of one service.  A key that is not in it has encrypted nothing."""

    def __init__(self, datamanager: DataManager, keys: Keys, *, lost: Collection[str] = ()) -> None:
        """Take the ids of keys that the data does without, because they are *lost* for good."""
        self._datamanager = datamanager
        self._known: set[str] = set()
        self.keys = keys
        self.lost = lost

    async def missing(self) -> list[str]:
        """Give the ids of keys that may have encrypted something, and that are not there."""
        registered = await self.ids()
        absent = {each for each in registered if self.keys.find(each) is None}
        return sorted(absent - set(self.lost))

    async def current(self) -> Key:
        """Give the key to encrypt with, in the register by now.

        InternalError: `ENCRYPTION_KEY_UNKNOWN`, `ENCRYPTION_KEY_WRONG`, of any that is registered.
        After having written what it encrypted, ask again, and write anew if it is another one: that
        is what lets a rotation and the removal of a key be sure that they saw everything.
        """
        key = self.keys.current()
        while key.id not in self._known:
            groups = await self._datamanager.groups([GROUP])
            await self._check()
            if key.id in self._known:
                break
            entry = RegisteredKey(id=key.id, check=key.seal("", _place(key.id)))
            action = Action(ENCRYPTION_KEY, key.id, msgspec.json.encode(entry))
            try:
                await self._datamanager.commit([action], groups=groups)
            except ConcurrencyError:
                continue  # another process has registered a key: see whether it is known here
            self._known.add(key.id)
        return key

    async def ids(self) -> frozenset[str]:
        """Give the ids of all keys that may have encrypted something."""
        return frozenset(entry.id for entry in await self._entries())

    async def forget(self, key_id: str) -> None:
        """Take a key out of the register, of which the caller knows that it encrypts nothing."""
        self._known.discard(key_id)
        await self._datamanager.commit([Action(ENCRYPTION_KEY, key_id, None)])

    async def _check(self) -> None:
        entries = await self._entries()
        for entry in entries:
            if entry.id not in self.lost:
                check(entry, self.keys)
        self._known = {entry.id for entry in entries}

    async def _entries(self) -> list[RegisteredKey]:
        async with aclosing(self._datamanager.scan(ENCRYPTION_KEY)) as stored:
            entries = [decoded(each) async for each in stored]
        return [entry for entry in entries if entry.check]


def decoded(stored: StoredObject) -> RegisteredKey:
    """Read an entry of the register.  InternalError: `DATA_DAMAGED`."""
    try:
        return msgspec.json.decode(stored.data, type=RegisteredKey)
    except msgspec.MsgspecError as error:
        message = f"{stored.data_type} {stored.id!r} is damaged: {error}"
        raise InternalError(
            message, reason="DATA_DAMAGED", dataType=stored.data_type, id=stored.id
        ) from error


def check(entry: RegisteredKey, keys: Keys) -> None:
    """Make sure that a key is there, and is the one that it was.

    InternalError: `ENCRYPTION_KEY_UNKNOWN`, `ENCRYPTION_KEY_WRONG`.
    """
    key = keys.find(entry.id)
    if key is None:
        raise unknown_key(entry.id, keys)
    try:
        key.open(entry.check, _place(entry.id))
    except AgolaError:
        message = f"the encryption key {entry.id} is another one than that which was used before"
        raise InternalError(message, reason="ENCRYPTION_KEY_WRONG", keyId=entry.id) from None


def _place(key_id: str) -> Place:
    return Place(ENCRYPTION_KEY, key_id, "check")
