"""How a snapshot's status is written: one line of JSON, and one with the digest of the first."""

from hashlib import sha256

import msgspec

from agola.datamanager.content import check_digest
from agola.datamanager.layout import DataStatus

FORMAT = 2
_decode = msgspec.json.Decoder(DataStatus).decode


def encode(status: DataStatus) -> bytes:
    """Make the object that says what a snapshot is made of."""
    line = msgspec.json.encode(msgspec.structs.replace(status, format=FORMAT))
    return b"%b\n%b\n" % (line, sha256(line).hexdigest().encode())


def decode(raw: bytes) -> DataStatus:
    """Read such an object; older ones have no digest.  MalformedError, msgspec.DecodeError."""
    line, _, digest = raw.partition(b"\n")
    status = _decode(line)
    if status.format >= FORMAT:
        check_digest(line, digest.strip().decode() or "none")
    return status
