"""The password of clone steps: good for reading one repository.

It is derived, not kept: whoever has the installation's token can make it and verify it.
"""

import hmac

from agola.model.repository import RepositoryPath

USERNAME = "clone"


class CloneCredential:
    """Makes and verifies passwords from the installation's token."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def password(self, path: RepositoryPath) -> str:
        """Give HMAC-SHA256(key, "clone:<user id>/<uuid>"), in hexadecimal."""
        return hmac.digest(self._key, f"clone:{path}".encode(), "sha256").hex()

    def fits(self, path: RepositoryPath, username: str, password: str) -> bool:
        """Say whether this is the credential of *path*.  Without a key nothing is."""
        expected = self.password(path).encode()
        same = hmac.compare_digest(password.encode(errors="replace"), expected)
        return bool(self._key) and username == USERNAME and same
