"""What exports say of encrypted records, around a codec that knows them in clear."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
from msgspec import structs

from agola.core.errors import BadRequestError, InternalError
from agola.core.keyring import Keys
from agola.core.sealing import RecordSealer
from agola.datamanager.port import StoredObject
from agola.maintenance.codec import Codec, export_invalid
from agola.maintenance.key_register import ENCRYPTION_KEY, RegisteredKey, check, decoded


class EncryptionCodec:
    """A Codec.  An export leaves records encrypted unless they are asked for in clear.

    An import keeps what a known key encrypts as it is, and encrypts what comes in clear with the
    current key.
    """

    def __init__(self, plain: Codec, keys: Keys, records: Sequence[RecordSealer]) -> None:
        """Take the codec of the records in clear, and the sealers of those that hold secrets."""
        self._plain = plain
        self._keys = keys
        self._sealers = {sealer.data_type: sealer for sealer in records}

    def outgoing(self, stored: StoredObject, *, decrypted: bool) -> StoredObject:
        """InternalError: `ENCRYPTION_KEY_UNKNOWN`, `DATA_DAMAGED`, of what cannot be decrypted."""
        if decrypted and stored.data_type == ENCRYPTION_KEY:
            stored = _without_check(decoded(stored), stored)
        elif decrypted and (sealer := self._sealers.get(stored.data_type)):
            stored = _opened(stored, sealer)
        return self._plain.outgoing(stored, decrypted=decrypted)

    def incoming(self, stored: StoredObject) -> StoredObject:
        try:
            if stored.data_type == ENCRYPTION_KEY:
                return self._incoming_key(self._plain.incoming(stored))
            if sealer := self._sealers.get(stored.data_type):
                return self._incoming_record(stored, sealer)
        except InternalError as error:
            if error.reason == "DATA_DAMAGED":
                raise export_invalid(error.message, **error.metadata) from error
            raise BadRequestError(error.message, reason=error.reason, **error.metadata) from error
        return self._plain.incoming(stored)

    def _incoming_record(self, stored: StoredObject, sealer: RecordSealer) -> StoredObject:
        plain = self._plain.incoming(_opened(stored, sealer))
        if sealer.key_id(stored.id, stored.data):
            return stored
        data = sealer.sealed_again(plain.id, plain.data, self._keys.current())
        return plain if data is None else replace(plain, data=data)

    def _incoming_key(self, stored: StoredObject) -> StoredObject:
        """Let a key that is not known here encrypt nothing; what it does encrypt is refused itself.

        InternalError: `ENCRYPTION_KEY_WRONG`, of one that is known and is another one.
        """
        entry = decoded(stored)
        if entry.check and self._keys.find(entry.id) is None:
            return _without_check(entry, stored)
        if entry.check:
            check(entry, self._keys)
        return stored


def _opened(stored: StoredObject, sealer: RecordSealer) -> StoredObject:
    record = sealer.open(stored.id, sealer.decode(stored.id, stored.data))
    return replace(stored, data=msgspec.json.encode(record))


def _without_check(entry: RegisteredKey, stored: StoredObject) -> StoredObject:
    return replace(stored, data=msgspec.json.encode(structs.replace(entry, check="")))
