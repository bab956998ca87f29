"""Secrets at rest: texts that are sealed with a key, and opened only where they belong.

A sealed text is itself a text, `agola1:<key id>:<base64>`: the version of this format, the id of
the key, and AES-256-GCM of the text behind a random nonce of 96 bits.  It is bound to its place by
GCM's associated data: moved anywhere else, it does not open.  A key may seal 2^32 texts.
"""

import base64
import binascii
import json
import os
import re
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agola.core.errors import InternalError

PREFIX: Final = "agola1:"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12

KEY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_SEALED: Final = re.compile(rf"{PREFIX}({KEY_ID.pattern}):([A-Za-z0-9+/=]+)", re.ASCII)


class Place(NamedTuple):
    """Where a secret is kept: the type of the object, its id, and which part of it."""

    data_type: str
    id: str
    field: str


class Key:
    """A key.  Its id is no secret; what it is made of is never shown again."""

    __slots__ = ("_cipher", "id")

    def __init__(self, id: str, material: bytes) -> None:  # noqa: A002 (the field's name)
        """ValueError: the id has characters that a key id may not have, or it is not 32 bytes."""
        if not KEY_ID.fullmatch(id) or len(material) != KEY_BYTES:
            raise ValueError("a key has an id of letters, digits, '.', '_', '-', and 32 bytes")
        self.id = id
        self._cipher = AESGCM(material)

    def __repr__(self) -> str:
        return f"Key({self.id!r})"

    def __reduce__(self) -> str:
        raise TypeError("a key is not to be copied anywhere")

    def seal(self, text: str, place: Place) -> str:
        """Encrypt a text for its place.  Twice the same text gives two different ones."""
        nonce = os.urandom(NONCE_BYTES)
        encrypted = nonce + self._cipher.encrypt(nonce, text.encode(), _bound(self.id, place))
        return f"{PREFIX}{self.id}:{base64.b64encode(encrypted).decode()}"

    def open(self, sealed: str, place: Place) -> str:
        """Decrypt what `seal` made.  InternalError: `DATA_DAMAGED`."""
        found = _SEALED.fullmatch(sealed)
        try:
            raw = base64.b64decode(found[2] if found else "", validate=True)
            nonce, encrypted = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
            return self._cipher.decrypt(nonce, encrypted, _bound(self.id, place)).decode()
        except (binascii.Error, InvalidTag, ValueError):
            raise damaged(place, f"key {self.id} does not open it") from None


class Keys(Protocol):
    """The keys of an installation: one seals, all of them open."""

    @property
    def managed(self) -> bool:
        """Whether Agola makes the keys.  If not, somebody gives them with the configuration."""

    def current(self) -> Key:
        """Give the key to seal with, also if another process has just made it.

        InternalError: `ENCRYPTION_KEY_MISSING`, `ENCRYPTION_KEY_UNREADABLE`.
        """

    def find(self, key_id: str) -> Key | None:
        """Give a key, also if another process has just made it.

        InternalError: `ENCRYPTION_KEY_UNREADABLE`.
        """

    def ids(self) -> Sequence[str]:
        """Give the ids of all keys; the order says nothing."""

    def where(self) -> str:
        """Say where a missing key has to be put, to people."""

    async def make(self, *, instead_of: str) -> Key:
        """Make a new key the current one; if the current one is not *instead_of*, give that.

        *instead_of* is empty for the first key.  It is on the disk when this returns.
        PreconditionError: `ENCRYPTION_KEYS_CONFIGURED`.
        """

    async def remove(self, key_id: str) -> None:
        """Forget a key for good.  Nothing that it sealed can be opened any more.

        Keys that are configured stay where they are: somebody has to take them out there.
        """


class Sealer:
    """Seals and opens texts: tokens, passwords, values, and whole documents of them.

    It is all that a store needs to keep a secret: seal what is written, open what was read, with
    the same place.  For secrets inside a JSON record see `agola.core.sealing`, which keeps the rest
    of the record readable; what is to take part in rotations is told to the service's
    `EncryptedData` (`agola.maintenance.encryption`).
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    def seal(self, text: str, place: Place) -> str:
        """Seal with the current key."""
        return self.keys.current().seal(text, place)

    def open(self, sealed: str, place: Place) -> str:
        """Open with the key that sealed it.

        InternalError: `ENCRYPTION_KEY_UNKNOWN`, `DATA_DAMAGED`.
        """
        key_id = key_id_of(sealed)
        if key_id is None:
            raise damaged(place, "it is not sealed")
        key = self.keys.find(key_id)
        if key is None:
            raise unknown_key(key_id, self.keys)
        return key.open(sealed, place)


def key_id_of(text: str) -> str | None:
    """Say which key sealed a text; None if it is not sealed."""
    found = _SEALED.fullmatch(text)
    return found[1] if found else None


def unknown_key(key_id: str, keys: Keys) -> InternalError:
    """Say that a key is missing, and what to do."""
    where = keys.where()
    message = (
        f"there is data that is encrypted with the key {key_id}, which is not known here: "
        f"put it back ({where})"
    )
    return InternalError(message, reason="ENCRYPTION_KEY_UNKNOWN", keyId=key_id, where=where)


def damaged(place: Place, why: str) -> InternalError:
    """Say that a secret cannot be read although its key is there."""
    message = f"the secrets of {place.data_type} {place.id!r} are damaged: {why}"
    return InternalError(
        message, reason="DATA_DAMAGED", dataType=place.data_type, id=place.id, why=why
    )


def _bound(key_id: str, place: Place) -> bytes:
    return json.dumps([PREFIX, key_id, *place]).encode()
