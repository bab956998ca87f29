"""Maintenance mode of the services behind the gateway, for administrators."""

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from functools import partial

import grpc

from agola.model.export import ExportChoice, ExportEvent, Imported
from agola.model.maintenance import MaintainedService, MaintenanceStatus
from agola.rpc import calls
from agola.wire.gateway.maintenance import service_to_pb
from agola.wire.maintenance_export import event_from_pb, imported_from_pb, messages_of
from agola.wire.maintenance_status import status_from_pb
from generated.agola.gateway.v1 import maintenance_service_pb2 as pb
from generated.agola.gateway.v1.maintenance_service_pb2_grpc import MaintenanceServiceStub


class MaintenanceClient:
    """Errors: those that MaintenanceService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = MaintenanceServiceStub(channel)

    async def status(self, service: MaintainedService) -> MaintenanceStatus:
        """Say which mode is asked for, and which each instance is in."""
        request = pb.GetMaintenanceStatusRequest(service=service_to_pb(service))
        answer = await calls.unary(self._stub.GetMaintenanceStatus(request))
        return status_from_pb(answer.status)

    async def enable(self, service: MaintainedService) -> MaintenanceStatus:
        """Ask every instance for maintenance mode."""
        request = pb.EnableMaintenanceRequest(service=service_to_pb(service))
        answer = await calls.unary(self._stub.EnableMaintenance(request))
        return status_from_pb(answer.status)

    async def disable(self, service: MaintainedService) -> MaintenanceStatus:
        """Ask every instance to serve again."""
        request = pb.DisableMaintenanceRequest(service=service_to_pb(service))
        answer = await calls.unary(self._stub.DisableMaintenance(request))
        return status_from_pb(answer.status)

    async def export(
        self, services: Sequence[MaintainedService], choice: ExportChoice
    ) -> AsyncGenerator[ExportEvent, None]:
        """Yield the exports of the services, one after the other; they belong together."""
        request = pb.ExportRequest(
            services=map(service_to_pb, services),
            with_logs=choice.with_logs,
            with_archives=choice.with_archives,
            decrypted=choice.decrypted,
        )
        async with aclosing(calls.stream(self._stub.Export(request))) as messages:
            async for message in messages:
                yield event_from_pb(message.event)

    async def import_(
        self, service: MaintainedService, events: AsyncIterable[ExportEvent]
    ) -> Imported:
        """Replace everything that a service keeps.  If *events* raises, nothing is replaced."""
        request = partial(pb.ImportRequest, service=service_to_pb(service))
        async with aclosing(messages_of(request, events)) as messages:
            answer = await calls.sent(self._stub.Import(), messages)
        return imported_from_pb(answer)
