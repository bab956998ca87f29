"""Services that keep things encrypted, in memory."""

from collections import Counter
from collections.abc import AsyncGenerator

from agola.core.errors import NotExistError, PreconditionError
from agola.model.encryption_key import EncryptionKey, Keyring, RotationProgress


class KeyFolder:
    """The keys of one data directory; the last one is current."""

    def __init__(self, *ids: str, managed: bool = True) -> None:
        self.ids = list(ids)
        self.managed = managed


class MemoryEncryption:
    """`EncryptionKeys` of a service that keeps some records, each named by its key."""

    def __init__(self, folder: KeyFolder, *records: str) -> None:
        self.folder = folder
        self.records = list(records)

    @property
    def current(self) -> str:
        return self.folder.ids[-1]

    async def keyring(self, *, count: bool = False) -> Keyring:
        used = Counter(self.records if count else ())
        keys = tuple(
            EncryptionKey(id=key_id, current=key_id == self.current, records=used[key_id])
            for key_id in sorted(self.folder.ids)
        )
        return Keyring(keys=keys, managed=self.folder.managed, clear_records=used[""])

    async def create(self, *, instead_of: str) -> str:
        if instead_of == self.current:
            self.folder.ids.append(f"k{len(self.folder.ids) + 1}")
        return self.current

    async def rotate(self, key_id: str) -> AsyncGenerator[RotationProgress, None]:
        if key_id != self.current:
            message = f"the current encryption key is {self.current}, not {key_id}"
            raise PreconditionError(message, reason="ENCRYPTION_KEY_NOT_CURRENT")
        encrypted = 0
        for place, used in enumerate(self.records):
            self.records[place] = key_id
            encrypted += used != key_id
            yield RotationProgress(records=place + 1, encrypted=encrypted)
        yield RotationProgress(records=len(self.records), encrypted=encrypted, complete=True)

    async def delete(self, key_id: str, *, validate_only: bool = False) -> None:
        if key_id not in self.folder.ids:
            raise NotExistError("no such key", reason="ENCRYPTION_KEY_DOES_NOT_EXIST")
        if key_id in self.records:
            raise PreconditionError("it is in use", reason="ENCRYPTION_KEY_IN_USE")
        if not validate_only:
            self.folder.ids.remove(key_id)
