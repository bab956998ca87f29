"""MaintenanceService."""

from agola.rpc.context import principal
from agola.rpc.handlers import Context
from agola.services.gateway.actions.maintenance import MaintenanceActions
from agola.wire.gateway.maintenance import service_from_pb
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
