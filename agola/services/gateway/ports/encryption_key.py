"""The keys of a service behind the gateway."""

from collections.abc import AsyncGenerator
from typing import Protocol

from agola.model.encryption_key import Keyring, RotationProgress


class EncryptionKeys(Protocol):
    """Changes the keys of what one service keeps encrypted."""

    async def keyring(self, *, count: bool = False) -> Keyring:
        """Say which keys there are; with *count*, how many records each of them encrypts."""

    async def create(self, *, instead_of: str) -> str:
        """Make a new current key, and give its id; if it is not *instead_of* already, give that."""

    def rotate(self, key_id: str) -> AsyncGenerator[RotationProgress, None]:
        """Encrypt everything with the current key, which must be this one."""

    async def delete(self, key_id: str, *, validate_only: bool = False) -> None:
        """Forget a key that encrypts nothing any more; or only say whether it could be."""
