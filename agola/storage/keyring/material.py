"""From a file or a variable to a key."""

import base64
import binascii
import logging
import os
import stat
from pathlib import Path

from agola.core.errors import InternalError
from agola.core.keyring import KEY_BYTES, Key

logger = logging.getLogger(__name__)

HEX_CHARS = 2 * KEY_BYTES
MAX_FILE_BYTES = 4096


def key_from(key_id: str, text: str, *, source: str) -> Key:
    """Make a key of 32 bytes that are written in base64 or in hexadecimal.

    InternalError: `ENCRYPTION_KEY_UNREADABLE`, which never repeats what was read.
    """
    text = text.strip()
    try:
        hexadecimal = len(text) == HEX_CHARS
        material = bytes.fromhex(text) if hexadecimal else _from_base64(text)
        if len(material) != KEY_BYTES:
            raise unreadable(source, f"it has {len(material)} bytes, not {KEY_BYTES}")
        return Key(key_id, material)
    except (binascii.Error, ValueError):
        why = f"{KEY_BYTES} bytes in base64 or hexadecimal are expected"
        raise unreadable(source, why) from None


def key_in_file(key_id: str, path: Path) -> Key:
    """Read a key from a file that not everybody can read.

    InternalError: `ENCRYPTION_KEY_UNREADABLE`.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise unreadable(str(path), error.strerror or str(error)) from error
    if mode & stat.S_IRWXO:
        raise unreadable(str(path), f"everybody may read it: chmod 600 {path}")
    if mode & stat.S_IRWXG:
        logger.warning("the group of %s can read an encryption key in it", path)
    return key_from(key_id, raw.decode("ascii", "replace"), source=str(path))


def unreadable(source: str, why: str) -> InternalError:
    """Say that a key cannot be had."""
    message = f"cannot read the encryption key in {source}: {why}"
    return InternalError(message, reason="ENCRYPTION_KEY_UNREADABLE", source=source, why=why)


def _from_base64(text: str) -> bytes:
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
