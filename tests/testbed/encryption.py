"""Encryption keys for processes that share their data, but not their data directory."""

import secrets
from pathlib import Path

from agola.config.model import Encryption, EncryptionKey


def shared_keys(directory: Path, *ids: str, current: str = "") -> Encryption:
    """Give keys by id, each from a file in *directory* that is made where it is missing."""
    return Encryption(keys=tuple(_key(directory, id_) for id_ in ids or ("k",)), current=current)


def _key(directory: Path, key_id: str) -> EncryptionKey:
    path = directory / f"{key_id}.secret"
    if not path.exists():
        path.touch(0o600)
        path.write_text(secrets.token_hex(32))
    return EncryptionKey(id=key_id, file=path)
