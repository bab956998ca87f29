"""agola.runservice.v1.MaintenanceService over gRPC."""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

from agola.maintenance.export import Exporter
from agola.maintenance.flag import MaintenanceFlag
from agola.maintenance.importing import Importer
from agola.model.export import ExportChoice
from agola.rpc.handlers import Context
from agola.rpc.server import Mount
from agola.rpc.streams import taking
from agola.wire.maintenance_export import events_from_pb, messages_of
from agola.wire.maintenance_status import status_to_pb
from generated.agola.runservice.v1 import maintenance_service_pb2 as pb
from generated.agola.runservice.v1.maintenance_service_pb2_grpc import (
    MaintenanceServiceServicer,
    add_MaintenanceServiceServicer_to_server,
)


class MaintenanceServicer(MaintenanceServiceServicer):
    """Serves in both modes."""

    def __init__(self, flag: MaintenanceFlag, exporter: Exporter, importer: Importer) -> None:
        self._flag = flag
        self._exporter = exporter
        self._importer = importer

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

    async def Export(
        self, request: pb.ExportRequest, context: Context
    ) -> AsyncGenerator[pb.ExportResponse, None]:
        choice = ExportChoice(
            with_logs=request.with_logs,
            with_archives=request.with_archives,
            decrypted=request.decrypted,
        )
        async with (
            aclosing(self._exporter.export(choice)) as events,
            aclosing(messages_of(pb.ExportResponse, events)) as responses,
        ):
            async for response in responses:
                yield response

    async def Import(
        self, request_iterator: AsyncIterable[pb.ImportRequest], context: Context
    ) -> pb.ImportResponse:
        async with (
            taking(request_iterator, context) as requests,
            aclosing(events_from_pb(requests)) as events,
        ):
            imported = await self._importer.import_(events)
        return pb.ImportResponse(counts=imported.counts, skipped=imported.skipped)
