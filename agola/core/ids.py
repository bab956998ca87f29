"""Where identifiers and other randomness come from, so that a test can foresee them."""

import secrets
import uuid
from typing import Protocol


class Ids(Protocol):
    """Makes identifiers that nobody has seen before."""

    def uuid(self) -> str:
        """Make an identifier: a UUID version 4 in its canonical form."""

    def token(self) -> str:
        """Make a secret that nobody can guess: 256 bits, in 43 URL-safe characters."""


class RandomIds:
    """Identifiers from the machine's source of randomness."""

    def uuid(self) -> str:
        return str(uuid.uuid4())

    def token(self) -> str:
        return secrets.token_urlsafe(32)
