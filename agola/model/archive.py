"""Archives as they travel: bytes with their place, and an end with a digest."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class ArchiveChunk:
    """Bytes of an archive, and where they start."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ArchiveEnd:
    """The archive is complete: its size and the SHA-256 digest of all its bytes."""

    size: int
    sha256: bytes


ArchiveEvent: TypeAlias = ArchiveChunk | ArchiveEnd
