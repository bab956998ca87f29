"""The configstore's maintenance mode."""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

import grpc

from agola.model.export import ExportChoice, ExportEvent, Imported
from agola.model.maintenance import MaintenanceStatus
from agola.model.user import UserTokenID
from agola.rpc import calls
from agola.wire.maintenance_export import event_from_pb, imported_from_pb, messages_of
from agola.wire.maintenance_status import status_from_pb
from generated.agola.configstore.v1 import maintenance_service_pb2 as pb
from generated.agola.configstore.v1.maintenance_service_pb2_grpc import MaintenanceServiceStub


class MaintenanceClient:
    """Errors: those that MaintenanceService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = MaintenanceServiceStub(channel)

    async def status(self) -> MaintenanceStatus:
        """Say which mode is asked for, and which each instance is in."""
        request = pb.GetMaintenanceStatusRequest()
        answer = await calls.unary(self._stub.GetMaintenanceStatus(request))
        return status_from_pb(answer.status)

    async def enable(self, *, user_token_id: UserTokenID) -> MaintenanceStatus:
        """Ask every instance for maintenance mode; the token with this id shall work in it."""
        request = pb.EnableMaintenanceRequest(user_token_id=user_token_id)
        answer = await calls.unary(self._stub.EnableMaintenance(request))
        return status_from_pb(answer.status)

    async def disable(self) -> MaintenanceStatus:
        """Ask every instance to serve again."""
        answer = await calls.unary(self._stub.DisableMaintenance(pb.DisableMaintenanceRequest()))
        return status_from_pb(answer.status)

    async def export(self, choice: ExportChoice) -> AsyncGenerator[ExportEvent, None]:
        """Yield everything that is kept, as it is at one moment."""
        request = pb.ExportRequest(decrypted=choice.decrypted)
        async with aclosing(calls.stream(self._stub.Export(request))) as messages:
            async for message in messages:
                yield event_from_pb(message.event)

    async def import_(self, events: AsyncIterable[ExportEvent]) -> Imported:
        """Replace everything that is kept.  If *events* raises, nothing is replaced."""
        async with aclosing(messages_of(pb.ImportRequest, events)) as messages:
            answer = await calls.sent(self._stub.Import(), messages)
        return imported_from_pb(answer)
