"""Files of exports: written wholly or not at all, and read twice."""

import os
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from agola.core.errors import BadRequestError
from agola.maintenance.codec import export_invalid
from agola.maintenance.framing import LEGACY, Framing, Unframing
from agola.maintenance.verification import Verification
from agola.model.export import MAX_PART_BYTES, ExportEvent, ExportHeader, LegacyPiece
from agola.wire.maintenance_export import event_from_bytes, event_to_bytes

READ_BYTES = 1024 * 1024
STANDARD = "-"

Passed = Callable[[int], None]
"""Is told of so many more bytes."""


class ExportWriter:
    """Writes events to a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._framing = Framing()
        self.size = file.write(self._framing.begin())

    def write(self, event: ExportEvent) -> None:
        self.size += self._file.write(self._framing.message(event_to_bytes(event)))

    def end(self) -> None:
        """Say that the file is complete: without this it is invalid."""
        self.size += self._file.write(self._framing.end())


@contextmanager
def writing(name: str) -> Generator[ExportWriter, None, None]:
    """Write the file *name*, readable by its owner only, or the standard output for `-`.

    It is there, durably, after the block, or stays as it was if the block fails.
    """
    with ExitStack() as stack:
        file = _standard_output() if name == STANDARD else stack.enter_context(_replacing(name))
        writer = ExportWriter(file)
        yield writer
        writer.end()
        file.flush()


def _standard_output() -> IO[bytes]:
    if sys.stdout.isatty():
        message = "an export is nothing for a terminal: name a file"
        raise BadRequestError(message, reason="FILE_REQUIRED")
    return sys.stdout.buffer


@contextmanager
def _replacing(name: str) -> Generator[IO[bytes], None, None]:
    place = Path(os.path.realpath(name))
    if place.exists() and not place.is_file():  # such as a device, or a pipe
        with place.open("wb") as file:
            yield file
        return
    number, part = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(place)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(part).unlink()
        raise
    _sync_folder(place.parent)


def _sync_folder(path: Path) -> None:
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def reading(name: str) -> Generator[IO[bytes], None, None]:
    """Open the file *name*; the standard input, for `-`, is first copied to a temporary one."""
    with ExitStack() as stack:
        if name != STANDARD:
            yield stack.enter_context(Path(name).open("rb"))
            return
        copy = stack.enter_context(tempfile.TemporaryFile())
        while data := sys.stdin.buffer.read(READ_BYTES):
            copy.write(data)
        yield copy


def is_legacy(file: IO[bytes]) -> bool:
    """Say whether Agola 0.7 wrote a file."""
    file.seek(0)
    return file.read(len(LEGACY)) == LEGACY


def legacy_pieces(file: IO[bytes], passed: Passed) -> Iterator[ExportEvent]:
    """Read what Agola 0.7 wrote."""
    file.seek(0)
    while data := file.read(MAX_PART_BYTES):
        yield LegacyPiece(data)
        passed(len(data))


def events(file: IO[bytes], passed: Passed) -> Iterator[ExportEvent]:
    """Read a file from its beginning.  BadRequestError: EXPORT_INVALID."""
    file.seek(0)
    unframing = Unframing()
    while data := file.read(READ_BYTES):
        yield from map(event_from_bytes, unframing.feed(data))
        passed(len(data))
    unframing.end()


def sections(
    all_events: Iterator[ExportEvent],
) -> Iterator[tuple[ExportHeader, Iterator[ExportEvent]]]:
    """Cut a file into its exports.  Each is to be gone through before the next."""
    header = next(all_events, None)
    while header is not None:
        if not isinstance(header, ExportHeader):
            raise export_invalid("the export does not begin with a header")
        section = _Section(header, all_events)
        yield header, section.events()
        header = section.following


class _Section:
    def __init__(self, header: ExportHeader, following: Iterator[ExportEvent]) -> None:
        self.following: ExportEvent | None = None
        """What came behind it."""
        self._header = header
        self._events = following

    def events(self) -> Iterator[ExportEvent]:
        yield self._header
        for event in self._events:
            if isinstance(event, ExportHeader):
                self.following = event
                return
            yield event


def verify(file: IO[bytes], passed: Passed) -> list[ExportHeader]:
    """Check a file to its last byte, and say what is in it.  BadRequestError: EXPORT_INVALID."""
    headers: list[ExportHeader] = []
    for header, section in sections(events(file, passed)):
        if header.service in (one.service for one in headers):
            raise export_invalid(f"the file has two exports of the {header.service}")
        verification = Verification()
        for event in section:
            verification.take(event)
        verification.end()
        headers.append(header)
    return headers
