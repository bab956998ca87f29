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

    async def start(self) -> None:
        """Make sure that there are the keys that the data needs, and one to go on with.

        Makes the very first key; never one in place of those that are missing.
        InternalError: `ENCRYPTION_KEY_UNKNOWN`, `ENCRYPTION_KEY_WRONG`.
        """
        await self._check()
        if self.keys.managed and not self.keys.ids():
            await self.keys.make(instead_of="")
        await self.current()

    async def current(self) -> Key:
        """Give the key to encrypt with, in the register by now.

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
        await self._check()
        return frozenset(self._known)

    async def forget(self, key_id: str) -> None:
        """Take a key out of the register, of which the caller knows that it encrypts nothing."""
        self._known.discard(key_id)
        await self._datamanager.commit([Action(ENCRYPTION_KEY, key_id, None)])

    async def _check(self) -> None:
        known: set[str] = set()
        async with aclosing(self._datamanager.scan(ENCRYPTION_KEY)) as entries:
            async for stored in entries:
                entry = decoded(stored)
                if entry.check:
                    if entry.id not in self.lost:
                        check(entry, self.keys)
                    known.add(entry.id)
        self._known = known


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
