"""Setting services aside for work on their data, for administrators."""

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import AsyncExitStack, aclosing

from agola.core.errors import BadRequestError
from agola.model.export import ExportChoice, ExportEvent, Imported
from agola.model.maintenance import MaintainedService, MaintenanceStatus
from agola.model.user import UserTokenID
from agola.rpc.context import Principal
from agola.services.gateway.actions.authorization import READ, WRITE, require_admin, require_scope
from agola.services.gateway.ports.maintenance import (
    ConfigstoreMaintenance,
    Maintenance,
    RunserviceMaintenance,
)

_MOMENTS = (MaintainedService.RUNSERVICE, MaintainedService.CONFIGSTORE)
"""Whose moment comes first: so that everything that a run mentions is there with it."""


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

    async def export(
        self,
        principal: Principal,
        services: Sequence[MaintainedService],
        choice: ExportChoice,
    ) -> AsyncGenerator[ExportEvent, None]:
        """Yield the exports of the services, in this order, each whole before the next one.

        ForbiddenError: ADMIN_REQUIRED.  BadRequestError: SERVICE_REQUIRED.
        """
        require_scope(principal, "admin", WRITE if choice.decrypted else READ)
        require_admin(principal)
        if not services:
            raise BadRequestError("say which services", reason="SERVICE_REQUIRED")
        async with AsyncExitStack() as stack:
            begun = {}
            for service in sorted(set(services), key=_MOMENTS.index):
                events = self._of(service).export(choice)
                await stack.enter_async_context(aclosing(events))
                begun[service] = (await anext(events), events)
            for service in dict.fromkeys(services):
                header, events = begun[service]
                yield header
                async for event in events:
                    yield event

    async def import_(
        self,
        principal: Principal,
        service: MaintainedService,
        events: AsyncIterable[ExportEvent],
    ) -> Imported:
        """Replace everything that a service keeps.  ForbiddenError: ADMIN_REQUIRED."""
        require_scope(principal, "admin", WRITE)
        require_admin(principal)
        return await self._of(service).import_(events)

    def _of(self, service: MaintainedService) -> Maintenance:
        return self._runservice if service is MaintainedService.RUNSERVICE else self._configstore
