"""Services that can be set aside, in memory."""

from collections.abc import AsyncGenerator, AsyncIterable
from datetime import UTC, datetime

from agola.model.export import (
    ExportChoice,
    ExportEvent,
    ExportHeader,
    ExportRecord,
    ExportRecords,
    ExportTrailer,
    Imported,
)
from agola.model.maintenance import MaintenanceInstance, MaintenanceStatus
from agola.model.user import UserTokenID

SINCE = datetime(2026, 11, 24, tzinfo=UTC)


class MemoryMaintenance:
    """`ConfigstoreMaintenance` and `RunserviceMaintenance` of one instance, which follows at once.

    Remembers the tokens that may work in it, and what was imported.  Keeps one record; exports note
    the service in `moments`, which two of them may share.
    """

    def __init__(self, instance_id: str) -> None:
        self._id = instance_id
        self.moments: list[str] = []
        self.imported: list[ExportEvent] = []
        self.requested = False
        self.keepers: list[UserTokenID] = []

    async def status(self) -> MaintenanceStatus:
        instance = MaintenanceInstance(id=self._id, maintenance=self.requested, change_time=SINCE)
        return MaintenanceStatus(requested=self.requested, instances=(instance,))

    async def enable(self, *, user_token_id: UserTokenID | None = None) -> MaintenanceStatus:
        self.requested = True
        self.keepers.extend([user_token_id] if user_token_id else [])
        return await self.status()

    async def disable(self) -> MaintenanceStatus:
        self.requested = False
        self.keepers.clear()
        return await self.status()

    async def export(self, choice: ExportChoice) -> AsyncGenerator[ExportEvent, None]:
        self.moments.append(self._id)
        yield ExportHeader(
            service=self._id, version="1", create_time=SINCE, revision="7", choice=choice
        )
        yield ExportRecords((ExportRecord("thing", self._id, 0, b"data", b"digest"),))
        yield ExportTrailer({"thing": 1})

    async def import_(self, events: AsyncIterable[ExportEvent]) -> Imported:
        self.imported = [event async for event in events]
        return Imported({"thing": len(self.imported)})
