"""Setting services aside for work on their data, for administrators."""

from agola.model.maintenance import MaintainedService, MaintenanceStatus
from agola.model.user import UserTokenID
from agola.rpc.context import Principal
from agola.services.gateway.actions.authorization import READ, WRITE, require_admin, require_scope
from agola.services.gateway.ports.maintenance import (
    ConfigstoreMaintenance,
    Maintenance,
    RunserviceMaintenance,
)


class MaintenanceActions:
    """Whoever sets the configstore aside can call the gateway meanwhile; nobody else can."""

    def __init__(
        self, configstore: ConfigstoreMaintenance, runservice: RunserviceMaintenance
    ) -> None:
        self._configstore = configstore
        self._runservice = runservice

    async def status(self, principal: Principal, service: MaintainedService) -> MaintenanceStatus:
        """ForbiddenError: ADMIN_REQUIRED."""
        require_scope(principal, "admin", READ)
        require_admin(principal)
        return await self._of(service).status()

    async def enable(self, principal: Principal, service: MaintainedService) -> MaintenanceStatus:
        """ForbiddenError: ADMIN_REQUIRED."""
        require_scope(principal, "admin", WRITE)
        require_admin(principal)
        if service is MaintainedService.RUNSERVICE:
            return await self._runservice.enable()
        return await self._configstore.enable(user_token_id=UserTokenID(principal.token_id))

    async def disable(self, principal: Principal, service: MaintainedService) -> MaintenanceStatus:
        """ForbiddenError: ADMIN_REQUIRED."""
        require_scope(principal, "admin", WRITE)
        require_admin(principal)
        return await self._of(service).disable()

    def _of(self, service: MaintainedService) -> Maintenance:
        return self._runservice if service is MaintainedService.RUNSERVICE else self._configstore
