"""The services that can be set aside, as the gateway needs them."""

from collections.abc import AsyncGenerator, AsyncIterable
from typing import Protocol

from agola.model.export import ExportChoice, ExportEvent, Imported
from agola.model.maintenance import MaintenanceStatus
from agola.model.user import UserTokenID


class Maintenance(Protocol):
    """Sets one service aside.  Asking twice is no error."""

    async def status(self) -> MaintenanceStatus:
        """Say which mode is asked for, and which each instance is in."""

    async def disable(self) -> MaintenanceStatus:
        """Ask every instance to serve again."""

    def export(self, choice: ExportChoice) -> AsyncGenerator[ExportEvent, None]:
        """Yield everything that is kept, as it is when the header is there.

        PreconditionError: MAINTENANCE_BUSY.
        """

    async def import_(self, events: AsyncIterable[ExportEvent]) -> Imported:
        """Replace everything that is kept.

        BadRequestError: EXPORT_INVALID, ENCRYPTION_KEY_UNKNOWN.
        PreconditionError: MAINTENANCE_REQUIRED, MAINTENANCE_BUSY.
        """


class ConfigstoreMaintenance(Maintenance, Protocol):
    """Sets the configstore aside, which knows who may call."""

    async def enable(self, *, user_token_id: UserTokenID) -> MaintenanceStatus:
        """Ask every instance for maintenance mode; this token shall work in it."""


class RunserviceMaintenance(Maintenance, Protocol):
    """Sets the runservice aside."""

    async def enable(self) -> MaintenanceStatus:
        """Ask every instance for maintenance mode."""
