"""agola.configstore.v1.MaintenanceService over gRPC."""

from agola.model.user import UserTokenID
from agola.rpc.handlers import Context
from agola.rpc.server import Mount
from agola.services.configstore.actions.maintenance import MaintenanceActions
from agola.wire.maintenance_status import status_to_pb
from generated.agola.configstore.v1 import maintenance_service_pb2 as pb
from generated.agola.configstore.v1.maintenance_service_pb2_grpc import (
    MaintenanceServiceServicer,
    add_MaintenanceServiceServicer_to_server,
)


class MaintenanceServicer(MaintenanceServiceServicer):
    """Serves in both modes."""

    def __init__(self, maintenance: MaintenanceActions) -> None:
        self._maintenance = maintenance

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["MaintenanceService"].full_name
        return Mount(name, lambda server: add_MaintenanceServiceServicer_to_server(self, server))

    async def GetMaintenanceStatus(
        self, request: pb.GetMaintenanceStatusRequest, context: Context
    ) -> pb.GetMaintenanceStatusResponse:
        status = await self._maintenance.status()
        return pb.GetMaintenanceStatusResponse(status=status_to_pb(status))

    async def EnableMaintenance(
        self, request: pb.EnableMaintenanceRequest, context: Context
    ) -> pb.EnableMaintenanceResponse:
        status = await self._maintenance.enable(UserTokenID(request.user_token_id))
        return pb.EnableMaintenanceResponse(status=status_to_pb(status))

    async def DisableMaintenance(
        self, request: pb.DisableMaintenanceRequest, context: Context
    ) -> pb.DisableMaintenanceResponse:
        status = await self._maintenance.disable()
        return pb.DisableMaintenanceResponse(status=status_to_pb(status))
