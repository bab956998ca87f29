"""Exports: everything that a service keeps, as it travels and as it lies in files.

A header, the records, a trailer.  Records of a type come together, by id; those of files last.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

FORMAT = 1
"""The version of the format that is written, and the newest that is read."""

FILE = "file"
"""The type of records that are objects by their paths: logs and workspace archives."""

MAX_PART_BYTES = 256 * 1024
"""The most bytes that one part of a record carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportChoice:
    """What an export is to hold besides the records."""

    with_logs: bool = False
    with_archives: bool = False
    decrypted: bool = False
    """Secret values as anybody can read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportHeader:
    """What an export is."""

    service: str
    version: str
    """Of the program that wrote it."""
    create_time: datetime
    revision: str
    """The last committed batch that is in it."""
    choice: ExportChoice = ExportChoice()
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """One thing that is kept, or a part of a big one."""

    type: str
    id: str
    offset: int
    """Where in the whole `data` starts."""
    data: bytes
    sha256: bytes = b""
    """The digest of the whole, with its last part only."""

    @property
    def last(self) -> bool:
        """Whether the whole ends here."""
        return bool(self.sha256)

    def __str__(self) -> str:
        return f"{self.type} {self.id!r}"


@dataclass(frozen=True, slots=True)
class ExportRecords:
    """The next records, or parts of records."""

    records: tuple[ExportRecord, ...]


@dataclass(frozen=True, slots=True)
class ExportTrailer:
    """How many records of each type a complete export has."""

    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LegacyPiece:
    """Bytes of what Agola 0.7 exports; comes instead of all others."""

    data: bytes


ExportEvent: TypeAlias = ExportHeader | ExportRecords | ExportTrailer | LegacyPiece


@dataclass(frozen=True, slots=True)
class Imported:
    """How many records were imported, by type, and of how many there was nothing to take."""

    counts: Mapping[str, int]
    skipped: Mapping[str, int] = field(default_factory=dict)
