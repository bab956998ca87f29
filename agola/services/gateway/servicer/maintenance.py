"""MaintenanceService."""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

from agola.model.export import ExportChoice
from agola.rpc.context import principal
from agola.rpc.handlers import Context
from agola.rpc.streams import taking
from agola.services.gateway.actions.maintenance import MaintenanceActions
from agola.wire.gateway.maintenance import service_from_pb
from agola.wire.maintenance_export import events_from_pb, messages_of
from agola.wire.maintenance_status import status_to_pb
from generated.agola.gateway.v1 import maintenance_service_pb2 as pb
from generated.agola.gateway.v1.maintenance_service_pb2_grpc import MaintenanceServiceServicer


class MaintenanceServicer(MaintenanceServiceServicer):
    """Maintenance mode of the services behind the gateway."""

    def __init__(self, maintenance: MaintenanceActions) -> None:
        self._maintenance = maintenance

    async def GetMaintenanceStatus(
        self, request: pb.GetMaintenanceStatusRequest, context: Context
    ) -> pb.GetMaintenanceStatusResponse:
        service = service_from_pb(request.service)
        status = await self._maintenance.status(principal(), service)
        return pb.GetMaintenanceStatusResponse(status=status_to_pb(status))

    async def EnableMaintenance(
        self, request: pb.EnableMaintenanceRequest, context: Context
    ) -> pb.EnableMaintenanceResponse:
        service = service_from_pb(request.service)
        status = await self._maintenance.enable(principal(), service)
        return pb.EnableMaintenanceResponse(status=status_to_pb(status))

    async def DisableMaintenance(
        self, request: pb.DisableMaintenanceRequest, context: Context
    ) -> pb.DisableMaintenanceResponse:
        service = service_from_pb(request.service)
        status = await self._maintenance.disable(principal(), service)
        return pb.DisableMaintenanceResponse(status=status_to_pb(status))

    async def Export(
        self, request: pb.ExportRequest, context: Context
    ) -> AsyncGenerator[pb.ExportResponse, None]:
        choice = ExportChoice(
            with_logs=request.with_logs,
            with_archives=request.with_archives,
            decrypted=request.decrypted,
        )
        services = [service_from_pb(service) for service in request.services]
        async with (
            aclosing(self._maintenance.export(principal(), services, choice)) as events,
            aclosing(messages_of(pb.ExportResponse, events)) as responses,
        ):
            async for response in responses:
                yield response

    async def Import(
        self, request_iterator: AsyncIterable[pb.ImportRequest], context: Context
    ) -> pb.ImportResponse:
        async with taking(request_iterator, context) as taken:
            requests = aiter(taken)
            first = await anext(requests, pb.ImportRequest())
            service = service_from_pb(first.service)
            async with aclosing(events_from_pb(_chained(first, requests))) as events:
                imported = await self._maintenance.import_(principal(), service, events)
        return pb.ImportResponse(counts=imported.counts, skipped=imported.skipped)


async def _chained(
    first: pb.ImportRequest, others: AsyncIterable[pb.ImportRequest]
) -> AsyncGenerator[pb.ImportRequest, None]:
    yield first
    async for request in others:
        yield request
