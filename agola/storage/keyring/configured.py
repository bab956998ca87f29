"""Keys that somebody gives with the configuration."""

import os
from collections.abc import Mapping, Sequence

from agola.config.model import Encryption, EncryptionKey
from agola.core.errors import PreconditionError
from agola.core.keyring import Key
from agola.storage.keyring.material import key_from, key_in_file, unreadable


class ConfiguredKeys:
    """Keys as they were when the process started.

    Every process of an installation needs all of them.  To change the key, first give the new one
    to every process, then make it the current one, and then rotate.
    """

    managed = False

    def __init__(self, settings: Encryption, environment: Mapping[str, str] = os.environ) -> None:
        """Read the keys.  InternalError: `ENCRYPTION_KEY_UNREADABLE`."""
        self._keys = {each.id: _read(each, environment) for each in settings.keys}
        self._current = self._keys[settings.current or settings.keys[0].id]

    def current(self) -> Key:
        return self._current

    def find(self, key_id: str) -> Key | None:
        return self._keys.get(key_id)

    def ids(self) -> Sequence[str]:
        return tuple(self._keys)

    def where(self) -> str:
        return "below encryption.keys in the configuration of every process"

    async def make(self, *, instead_of: str) -> Key:
        if instead_of != self._current.id:
            return self._current
        message = (
            "the encryption keys are in the configuration: add one to encryption.keys of every "
            "process, make it the current one, then rotate"
        )
        raise PreconditionError(message, reason="ENCRYPTION_KEYS_CONFIGURED")

    async def remove(self, key_id: str) -> None:
        """Leave it: it is not ours."""


def _read(settings: EncryptionKey, environment: Mapping[str, str]) -> Key:
    if settings.file is not None:
        return key_in_file(settings.id, settings.file)
    text = environment.get(settings.env)
    if not text:
        raise unreadable(f"the environment variable {settings.env}", "it is not set")
    return key_from(settings.id, text, source=f"the environment variable {settings.env}")
