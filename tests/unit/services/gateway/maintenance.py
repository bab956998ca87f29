"""Services that can be set aside, in memory."""

from datetime import UTC, datetime

from agola.model.maintenance import MaintenanceInstance, MaintenanceStatus
from agola.model.user import UserTokenID

SINCE = datetime(2026, 11, 24, tzinfo=UTC)


class MemoryMaintenance:
    """`ConfigstoreMaintenance` and `RunserviceMaintenance` of one instance, which follows at once.

    Remembers the tokens that may work in it.
    """

    def __init__(self, instance_id: str) -> None:
        self._id = instance_id
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
