"""agola.runservice.v1.MaintenanceService over gRPC."""

from agola.maintenance.flag import MaintenanceFlag
from agola.rpc.handlers import Context
from agola.rpc.server import Mount
from agola.wire.maintenance_status import status_to_pb
from generated.agola.runservice.v1 import maintenance_service_pb2 as pb
from generated.agola.runservice.v1.maintenance_service_pb2_grpc import (
    MaintenanceServiceServicer,
    add_MaintenanceServiceServicer_to_server,
)


class MaintenanceServicer(MaintenanceServiceServicer):
    """Serves in both modes."""

    def __init__(self, flag: MaintenanceFlag) -> None:
        self._flag = flag

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["MaintenanceService"].full_name
        return Mount(name, lambda server: add_MaintenanceServiceServicer_to_server(self, server))

    async def GetMaintenanceStatus(
        self, request: pb.GetMaintenanceStatusRequest, context: Context
    ) -> pb.GetMaintenanceStatusResponse:
        return pb.GetMaintenanceStatusResponse(status=status_to_pb(await self._flag.status()))

    async def EnableMaintenance(
        self, request: pb.EnableMaintenanceRequest, context: Context
    ) -> pb.EnableMaintenanceResponse:
        await self._flag.enable()
        return pb.EnableMaintenanceResponse(status=status_to_pb(await self._flag.status()))

    async def DisableMaintenance(
        self, request: pb.DisableMaintenanceRequest, context: Context
    ) -> pb.DisableMaintenanceResponse:
        await self._flag.disable()
        return pb.DisableMaintenanceResponse(status=status_to_pb(await self._flag.status()))
