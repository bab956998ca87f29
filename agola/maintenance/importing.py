"""Imports into a service's data: verified to the last byte, then everything at once."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing

from agola import datamanager
from agola.core.background import to_the_end
from agola.core.errors import PreconditionError
from agola.core.ids import Ids
from agola.datamanager.port import Replacement, StoredObject
from agola.maintenance import flag
from agola.maintenance.alone import working_alone
from agola.maintenance.codec import export_invalid
from agola.maintenance.holdings import Holdings
from agola.maintenance.legacy import converted
from agola.maintenance.parts import breathing, content, whole
from agola.maintenance.settling import IMPORT, settle_all, unfinished
from agola.maintenance.sorting import sorting
from agola.maintenance.staging import StagedFiles, staging
from agola.maintenance.verification import Verification, verified
from agola.model.export import (
    FILE,
    ExportChoice,
    ExportEvent,
    ExportRecord,
    Imported,
    LegacyPiece,
)

Events = AsyncGenerator[ExportEvent, None]


class Importer:
    """Replaces what one service keeps.  Only while all of its instances are set aside."""

    def __init__(self, holdings: Holdings, maintenance: flag.MaintenanceFlag, ids: Ids) -> None:
        self._holdings = holdings
        self._maintenance = maintenance
        self._ids = ids

    async def import_(self, events: Events) -> Imported:
        """Take an export.  Whatever goes wrong, nothing is changed, and nothing left behind.

        BadRequestError: EXPORT_INVALID, ENCRYPTION_KEY_UNKNOWN.
        PreconditionError: MAINTENANCE_REQUIRED, MAINTENANCE_BUSY.
        """
        await self._require_maintenance()
        async with working_alone(self._holdings.kv, self._holdings.service):
            await self._clear_leftovers()
            first = await anext(events, None)
            async with aclosing(_chained(first, events)) as all_events:
                if isinstance(first, LegacyPiece):
                    return await self._import_legacy(all_events)
                return await self._import(all_events)

    async def _import(self, events: Events) -> Imported:
        verification = Verification(self._holdings.service.value)
        files = staging(self._holdings.objects, self._ids.uuid())
        async with self._replacing() as replacement, files as staged:
            async with aclosing(breathing(verified(events, verification))) as parts:
                async for part in parts:
                    if part.type == FILE:
                        self._check_file(part, verification)
                        await _take_file(part, parts, staged)
                    else:
                        await self._take_object(await whole(part, parts), replacement)
            await staged.flush()
            if staged.used:
                await replacement.put(StoredObject(IMPORT, staged.id, b""))
            await self._require_maintenance()
            await to_the_end(_carry_out(replacement, staged))
        return Imported(dict(verification.counts))

    async def _import_legacy(self, events: Events) -> Imported:
        """Take an export of Agola 0.7, whose records make others of ours, in another order."""
        counts: Counter[str] = Counter()
        with sorting() as records:
            async with aclosing(_pieces(events)) as pieces:
                conversion = converted(self._holdings.service.value, pieces)
                async with aclosing(breathing(aiter(conversion))) as converted_:
                    async for stored in converted_:
                        records.add(stored)
            async with self._replacing() as replacement:
                async with aclosing(breathing(_each(records.sorted()))) as all_records:
                    async for stored in all_records:
                        await self._take_object(stored, replacement)
                        counts[stored.data_type] += 1
                await self._require_maintenance()
                await to_the_end(replacement.commit())
        return Imported(dict(counts), conversion.skipped)

    def _replacing(self) -> AbstractAsyncContextManager[Replacement]:
        held = self._holdings
        return datamanager.replacing(held.kv, held.objects, held.base, keep=(flag.PREFIX,))

    async def _take_object(self, stored: StoredObject, replacement: Replacement) -> None:
        await replacement.put(self._holdings.codec.incoming(stored))

    def _check_file(self, part: ExportRecord, verification: Verification) -> None:
        """Let no export write where it likes."""
        choice = verification.header.choice if verification.header else ExportChoice()
        files = self._holdings.files
        if files is None or not files.known(part.id, choice):
            message = f"the record file {part.id!r}: an export of this kind has no such file"
            raise export_invalid(message, type=part.type, id=part.id)

    async def _clear_leftovers(self) -> None:
        held = self._holdings
        if await unfinished(held.objects):
            async with datamanager.opening(held.kv, held.objects, held.base) as data:
                await settle_all(held.objects, data)

    async def _require_maintenance(self) -> None:
        status, service = await self._maintenance.status(), self._holdings.service.value
        if not status.requested:
            message = f"the {service} is not in maintenance mode: enable it first"
        elif not status.settled:
            message = f"not all instances of the {service} are in maintenance mode yet"
        else:
            return
        raise PreconditionError(message, reason="MAINTENANCE_REQUIRED", service=service)


async def _take_file(
    part: ExportRecord, parts: AsyncGenerator[ExportRecord, None], staged: StagedFiles
) -> None:
    if part.last:
        await staged.add_small(part.id, part.data)
    else:
        async with aclosing(content(part, parts)) as pieces:
            await staged.add(part.id, pieces)


async def _carry_out(replacement: Replacement, staged: StagedFiles) -> None:
    staged.decide()
    await replacement.commit()
    await staged.carry_out()


async def _chained(first: ExportEvent | None, events: Events) -> Events:
    if first is not None:
        yield first
        async for event in events:
            yield event


async def _pieces(events: Events) -> AsyncGenerator[bytes, None]:
    async for event in events:
        if not isinstance(event, LegacyPiece):
            raise export_invalid("an export of another format begins inside of this one")
        yield event.data


async def _each(records: Iterator[StoredObject]) -> AsyncGenerator[StoredObject, None]:
    for stored in records:
        yield stored
