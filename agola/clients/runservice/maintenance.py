"""The runservice's maintenance mode."""

import grpc

from agola.model.maintenance import MaintenanceStatus
from agola.rpc import calls
from agola.wire.maintenance_status import status_from_pb
from generated.agola.runservice.v1 import maintenance_service_pb2 as pb
from generated.agola.runservice.v1.maintenance_service_pb2_grpc import MaintenanceServiceStub


class MaintenanceClient:
    """Errors: those that MaintenanceService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = MaintenanceServiceStub(channel)

    async def status(self) -> MaintenanceStatus:
        """Say which mode is asked for, and which each instance is in."""
        request = pb.GetMaintenanceStatusRequest()
        answer = await calls.unary(self._stub.GetMaintenanceStatus(request))
        return status_from_pb(answer.status)

    async def enable(self) -> MaintenanceStatus:
        """Ask every instance for maintenance mode."""
        answer = await calls.unary(self._stub.EnableMaintenance(pb.EnableMaintenanceRequest()))
        return status_from_pb(answer.status)

    async def disable(self) -> MaintenanceStatus:
        """Ask every instance to serve again."""
        answer = await calls.unary(self._stub.DisableMaintenance(pb.DisableMaintenanceRequest()))
        return status_from_pb(answer.status)
