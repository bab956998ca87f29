"""Maintenance mode of the services behind the gateway, for administrators."""

import grpc

from agola.model.maintenance import MaintainedService, MaintenanceStatus
from agola.rpc import calls
from agola.wire.gateway.maintenance import service_to_pb
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
