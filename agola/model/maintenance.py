"""Services that are set aside for work on their data: what is asked for, and how far it is."""

from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from agola.core.errors import UnavailableError
from agola.model.user import Identity

RETRY_AFTER = timedelta(seconds=5)


class MaintainedService(Enum):
    """The services that keep data, and can be set aside."""

    CONFIGSTORE = "configstore"
    RUNSERVICE = "runservice"

    def closed(self) -> UnavailableError:
        """Say that the service is in maintenance mode: `MAINTENANCE`."""
        message = (
            f"the {self.value} is in maintenance mode: try again when an administrator has ended it"
        )
        error = UnavailableError(message, reason="MAINTENANCE", service=self.value)
        error.retry_after = RETRY_AFTER
        return error


class MaintenanceRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The wish that a service be in maintenance mode."""

    since: datetime
    keepers: tuple[Identity, ...] = ()
    """Who asked for it, with the tokens they did it with: these work all the while, so that
    somebody can end it."""
    format: int = 1

    def kept_by(self, keeper: Identity) -> "MaintenanceRequest":
        """Add a keeper; one who is known by the same token is taken anew."""
        others = tuple(known for known in self.keepers if known.token.id != keeper.token.id)
        return replace(self, keepers=(*others, keeper))


class MaintenanceInstance(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process of a service that is alive."""

    id: str
    maintenance: bool
    """Whether it is in maintenance mode."""
    change_time: datetime
    """Since when."""
    opening: bool = False
    """It is about to serve, and may have begun to read its data."""
    format: int = 1


class MaintenanceStatus(Struct, frozen=True, kw_only=True):
    """Which mode a service is to be in, and which each of its instances is in."""

    requested: bool
    instances: tuple[MaintenanceInstance, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether there are instances, all of them in the mode that is asked for, and to stay."""
        stays = {instance.maintenance for instance in self.instances if not instance.opening}
        leaves = any(instance.opening for instance in self.instances)
        return stays == {self.requested} and not leaves
