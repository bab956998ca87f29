"""Whether an export is whole: checked message by message, as it comes.  Pure."""

import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Sequence

from agola.core.errors import BadRequestError
from agola.maintenance.codec import export_invalid
from agola.model.export import (
    FILE,
    FORMAT,
    MAX_PART_BYTES,
    ExportEvent,
    ExportHeader,
    ExportRecord,
    ExportRecords,
    ExportTrailer,
    LegacyPiece,
)


class Verification:
    """Checks one export.  Each error is a BadRequestError, EXPORT_INVALID, that says where it is.

    With a *service*, the export must be of this one.
    """

    def __init__(self, service: str = "") -> None:
        self.header: ExportHeader | None = None
        self.counts: Counter[str] = Counter()
        """How many records have come whole, by type."""
        self._service = service
        self._whole = _Whole()
        self._complete = False

    def take(self, event: ExportEvent) -> Sequence[ExportRecord]:
        """Check the next message, and give the parts of records in it."""
        if self._complete:
            raise export_invalid("there is more behind the end of the export")
        match event:
            case ExportHeader():
                self._begin(event)
            case LegacyPiece():
                raise export_invalid("an export of another program begins inside of this one")
            case _ if self.header is None:
                raise export_invalid("the export does not begin with a header")
            case ExportRecords(records):
                for record in records:
                    self._record(record)
                return records
            case ExportTrailer():
                self._finish(event)
        return ()

    def end(self) -> None:
        """Say that nothing more comes."""
        if self.header is None:
            raise export_invalid("the export is empty: it has not even a header")
        if not self._complete:
            records = self.counts.total()
            message = f"the export was cut: it ends without a trailer, behind {records} records"
            raise export_invalid(message, records=str(records))

    def _begin(self, header: ExportHeader) -> None:
        if self.header is not None:
            raise export_invalid("the export was cut: another one begins inside of it")
        if not 1 <= header.format <= FORMAT:
            message = f"the export has format {header.format}, this program reads {FORMAT}"
            raise export_invalid(message, format=str(header.format), known=str(FORMAT))
        if self._service and header.service != self._service:
            message = f"the export is of the {header.service!r}, not of the {self._service}"
            raise export_invalid(message, service=header.service, expected=self._service)
        self.header = header

    def _record(self, record: ExportRecord) -> None:
        if self._whole.take(record):
            self.counts[record.type] += 1

    def _finish(self, trailer: ExportTrailer) -> None:
        self._whole.require_ended()
        for data_type in sorted({*trailer.counts, *self.counts}):
            said, came = trailer.counts.get(data_type, 0), self.counts[data_type]
            if said != came:
                message = f"the export says that it has {said} of {data_type!r}, {came} came"
                raise export_invalid(message, type=data_type, said=str(said), came=str(came))
        self._complete = True


class _Whole:
    """Checks that parts make wholes, and wholes come in order."""

    def __init__(self) -> None:
        self._open: ExportRecord | None = None
        """The latest part of a record that goes on."""
        self._type, self._id = "", ""
        """Of the record that came last."""
        self._types: set[str] = set()
        self._digest = hashlib.sha256()

    def take(self, part: ExportRecord) -> bool:
        """Check the next part.  Says whether its record is whole with it."""
        if len(part.data) > MAX_PART_BYTES:
            raise _wrong(part, f"a part of it has {len(part.data)} bytes")
        if self._open is None:
            self._begin(part)
        else:
            self._go_on(part, self._open)
        self._digest.update(part.data)
        if part.last and part.sha256 != self._digest.digest():
            raise _wrong(part, "it was damaged: its digest is another one")
        self._open = None if part.last else part
        return part.last

    def require_ended(self) -> None:
        if self._open is not None:
            raise _wrong(self._open, "its end is missing")

    def _begin(self, part: ExportRecord) -> None:
        if part.offset:
            raise _wrong(part, "its beginning is missing")
        if part.type == self._type:
            if part.id <= self._id:
                raise _wrong(part, f"it comes behind {self._id!r}, not in order")
        elif not part.type or part.type in self._types or FILE in self._types:
            raise _wrong(part, "it is not among the others of its type")
        self._types.add(part.type)
        self._type, self._id = part.type, part.id
        self._digest = hashlib.sha256()

    def _go_on(self, part: ExportRecord, before: ExportRecord) -> None:
        if (part.type, part.id) != (before.type, before.id):
            raise _wrong(before, "its end is missing")
        expected = before.offset + len(before.data)
        if part.offset != expected:
            raise _wrong(part, f"a part of it is at {part.offset} instead of {expected}")
        if not part.data:
            raise _wrong(part, "a part of it is empty")


async def verified(
    events: AsyncIterable[ExportEvent], verification: Verification
) -> AsyncGenerator[ExportRecord, None]:
    """Give the parts of the records of a whole export.  Ends only if all of it is as it must be."""
    async for event in events:
        for part in verification.take(event):
            yield part
    verification.end()


def _wrong(part: ExportRecord, why: str) -> BadRequestError:
    shown = part.id[:200]
    return export_invalid(f"the record {part.type} {shown!r}: {why}", type=part.type, id=shown)
