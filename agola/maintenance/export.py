"""Exports of a service's data: everything as of one moment."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TypeAlias

from agola import __version__
from agola.core.clock import Clock
from agola.datamanager.port import View
from agola.maintenance.holdings import Holdings
from agola.maintenance.parts import breathing, file_parts, gathered, object_parts
from agola.maintenance.settling import IMPORT
from agola.model.export import (
    ExportChoice,
    ExportEvent,
    ExportHeader,
    ExportRecord,
    ExportTrailer,
)

Viewing: TypeAlias = Callable[[], AbstractAsyncContextManager[View]]
"""Holds the objects of a service as they are at one moment."""


class Exporter:
    """Exports what one service keeps."""

    def __init__(self, holdings: Holdings, viewing: Viewing, clock: Clock) -> None:
        self._holdings = holdings
        self._viewing = viewing
        self._clock = clock

    async def export(self, choice: ExportChoice) -> AsyncGenerator[ExportEvent, None]:
        """Yield the export.  The moment that it is of is past as soon as its header is there."""
        async with self._viewing() as view:
            yield ExportHeader(
                service=self._holdings.service.value,
                version=__version__,
                create_time=self._clock.now(),
                revision=view.position,
                choice=choice,
            )
            counts: Counter[str] = Counter()
            async with (
                aclosing(self._parts(view, choice)) as parts,
                aclosing(breathing(_counted(parts, counts))) as counted,
                aclosing(gathered(counted)) as messages,
            ):
                async for message in messages:
                    yield message
            yield ExportTrailer(dict(counts))

    async def _parts(self, view: View, choice: ExportChoice) -> AsyncGenerator[ExportRecord, None]:
        for data_type in view.types():
            if data_type == IMPORT:
                continue
            async with aclosing(view.scan(data_type)) as objects:
                async for stored in objects:
                    outgoing = self._holdings.codec.outgoing(stored, decrypted=choice.decrypted)
                    for part in object_parts(outgoing):
                        yield part
        async with aclosing(self._file_parts(view, choice)) as parts:
            async for part in parts:
                yield part

    async def _file_parts(
        self, view: View, choice: ExportChoice
    ) -> AsyncGenerator[ExportRecord, None]:
        files = self._holdings.files
        if files is None or not (choice.with_logs or choice.with_archives):
            return
        async with aclosing(files.listed(view, choice)) as paths:
            async for path in paths:
                async with (
                    aclosing(self._holdings.objects.read(path)) as pieces,
                    aclosing(file_parts(path, pieces)) as parts,
                ):
                    async for part in parts:
                        yield part


async def _counted(
    parts: AsyncIterable[ExportRecord], counts: Counter[str]
) -> AsyncGenerator[ExportRecord, None]:
    async for part in parts:
        counts[part.type] += part.last
        yield part
