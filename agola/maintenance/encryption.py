"""What a service keeps encrypted: which keys it needs, and how it changes to a new one."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from functools import partial

from agola.core.errors import NotExistError, PreconditionError, UnavailableError
from agola.core.keyring import Key, unknown_key
from agola.core.sealing import RecordSealer
from agola.datamanager.port import Action, DataManager, StoredObject
from agola.maintenance.key_register import KeyRegister
from agola.model.encryption_key import EncryptionKey, Keyring, RotationProgress
from agola.storage.kv.port import KeyValue

LOCK = "encryption"
LOCK_TTL = timedelta(seconds=10)
"""So long a rotation waits for one that was killed."""
BATCH_RECORDS = 50
BATCH_BYTES = 1024 * 1024
PROGRESS_RECORDS = 1000
BREATH_RECORDS = 5
"""After so many records, other work has its turn."""
BIG_BYTES = 64 * 1024
"""Records from this size on are encrypted beside the event loop, not in it."""


class EncryptedData:
    """The encrypted records of one service, and their keys."""

    def __init__(
        self,
        datamanager: DataManager,
        kv: KeyValue,
        register: KeyRegister,
        records: Sequence[RecordSealer],
    ) -> None:
        """Take one *record* sealer for each data type that holds secrets."""
        self._datamanager = datamanager
        self._kv = kv
        self._register = register
        self._keys = register.keys
        self._records = records

    async def start(self) -> None:
        """Make sure that there are the keys that the data needs, and one to go on with.

        Makes the very first key; never one in place of those that are missing.
        InternalError: `ENCRYPTION_KEY_UNKNOWN`, `ENCRYPTION_KEY_WRONG`.
        """
        if missing := await self._register.missing():
            used = await self._count()
            for key_id in missing:
                if used[key_id] or not self._keys.ids():
                    raise unknown_key(key_id, self._keys)
                await self._register.forget(key_id)  # as its removal would have, but for a crash
        if self._keys.managed and not self._keys.ids():
            await self._keys.make(instead_of="")
        await self._register.current()

    async def keyring(self, *, count: bool) -> Keyring:
        """Give the keys; with *count*, and so reading all records, how many each encrypts."""
        known = set(self._keys.ids())
        current = self._keys.current().id if known else ""
        used = await self._count() if count else Counter[str]()
        keys = tuple(
            EncryptionKey(
                id=id_, current=id_ == current, missing=id_ not in known, records=used[id_]
            )
            for id_ in sorted(known | await self._register.ids())
        )
        return Keyring(keys=keys, managed=self._keys.managed, clear_records=used[""])

    async def create(self, *, instead_of: str) -> str:
        """Make a new key, the current one from now on, and give its id.

        If the current key is another one than *instead_of*, that is given, and none is made.
        PreconditionError: `ENCRYPTION_KEYS_CONFIGURED`.
        """
        await self._keys.make(instead_of=instead_of)
        return (await self._register.current()).id

    async def rotate(self, key_id: str) -> AsyncGenerator[RotationProgress, None]:
        """Encrypt with the current key what is encrypted with others, or not at all.

        It may be broken off at any time, and begun again.  One runs at a time, others wait.
        PreconditionError: `ENCRYPTION_KEY_NOT_CURRENT` if *key_id* is not, or no longer, current.
        """
        async with self._alone() as lost:
            key = await self._register.current()
            looked = encrypted = 0
            for sealer in self._records:
                async with aclosing(self._batches(sealer, key)) as batches:
                    async for seen, actions in batches:
                        self._check_current(key_id)
                        if lost.done():
                            raise _interrupted()
                        if actions:
                            await self._datamanager.commit(actions)
                        looked, encrypted = looked + seen, encrypted + len(actions)
                        yield RotationProgress(records=looked, encrypted=encrypted)
            self._check_current(key_id)
            yield RotationProgress(records=looked, encrypted=encrypted, complete=True)

    async def delete(self, key_id: str, *, validate_only: bool = False) -> None:
        """Forget a key that encrypts nothing any more; with *validate_only*, say whether it could.

        NotExistError: `ENCRYPTION_KEY_DOES_NOT_EXIST`.
        PreconditionError: `ENCRYPTION_KEY_IS_CURRENT`, `ENCRYPTION_KEY_IN_USE`.
        """
        if key_id not in {*self._keys.ids(), *await self._register.ids()}:
            message = f"there is no encryption key {key_id!r}"
            raise NotExistError(message, reason="ENCRYPTION_KEY_DOES_NOT_EXIST", keyId=key_id)
        if key_id == self._keys.current().id:
            message = f"the encryption key {key_id} is the current one: rotate first"
            raise PreconditionError(message, reason="ENCRYPTION_KEY_IS_CURRENT", keyId=key_id)
        if used := (await self._count())[key_id]:
            message = f"the encryption key {key_id} still encrypts {used} records: rotate first"
            raise PreconditionError(
                message, reason="ENCRYPTION_KEY_IN_USE", keyId=key_id, records=str(used)
            )
        if not validate_only:
            await self._register.forget(key_id)
            await self._keys.remove(key_id)

    async def _count(self) -> Counter[str]:
        """Count records by key id; those in clear by ""."""
        await self._datamanager.groups(())  # so that what others wrote is counted
        used: Counter[str] = Counter()
        for sealer in self._records:
            async with aclosing(self._stored(sealer.data_type)) as objects:
                async for stored in objects:
                    key_id = sealer.key_id(stored.id, stored.data)
                    if key_id is not None:
                        used[key_id] += 1
        return used

    async def _batches(
        self, sealer: RecordSealer, key: Key
    ) -> AsyncGenerator[tuple[int, list[Action]], None]:
        """Give what to write, so much at a time, and how many records were looked at for it."""
        actions: list[Action] = []
        seen = size = 0
        async with aclosing(self._stored(sealer.data_type)) as objects:
            async for stored in objects:
                seen += 1
                if sealer.key_id(stored.id, stored.data) in self._register.lost:
                    continue
                again = partial(sealer.sealed_again, stored.id, stored.data, key)
                big = len(stored.data) >= BIG_BYTES
                if (data := await asyncio.to_thread(again) if big else again()) is not None:
                    actions.append(Action(sealer.data_type, stored.id, data))
                    size += len(data)
                if len(actions) >= BATCH_RECORDS or size >= BATCH_BYTES or seen >= PROGRESS_RECORDS:
                    yield seen, actions
                    actions, seen, size = [], 0, 0
        yield seen, actions

    async def _stored(self, data_type: str) -> AsyncGenerator[StoredObject, None]:
        """Read all objects of a type, as long as it takes: each as it was at some moment."""
        after, count = "", 0
        while True:
            try:
                async with aclosing(self._datamanager.scan(data_type, after=after)) as objects:
                    async for stored in objects:
                        yield stored
                        after, count = stored.id, count + 1
                        if count % BREATH_RECORDS == 0:
                            await asyncio.sleep(0)
            except UnavailableError as error:
                if error.reason != "SNAPSHOT_GONE":  # then a newer one has taken its place
                    raise
            else:
                return

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator["asyncio.Future[None]", None]:
        """Wait until no other process rotates; give what is done when that is no longer sure."""
        async with self._kv.lock(LOCK, ttl=LOCK_TTL) as lock:
            lost = asyncio.ensure_future(lock.lost())
            try:
                yield lost
            finally:
                lost.cancel()

    def _check_current(self, key_id: str) -> None:
        current = self._keys.current().id
        if key_id != current:
            message = f"the current encryption key is {current}, not {key_id}"
            raise PreconditionError(
                message, reason="ENCRYPTION_KEY_NOT_CURRENT", keyId=key_id, currentKeyId=current
            )


def _interrupted() -> UnavailableError:
    message = "the key-value store forgot that a rotation is going on: begin it again"
    return UnavailableError(message, reason="ENCRYPTION_ROTATION_INTERRUPTED")
