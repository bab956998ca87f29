"""DirectRunService."""

from agola.rpc.context import principal
from agola.rpc.handlers import Context
from agola.services.gateway.actions.direct_runs import DirectRunActions
from agola.wire.gateway.direct_run import created_runs_to_pb, direct_run_from_pb
from generated.agola.gateway.v1 import direct_run_service_pb2 as pb
from generated.agola.gateway.v1.direct_run_service_pb2_grpc import DirectRunServiceServicer


class DirectRunServicer(DirectRunServiceServicer):
    """Runs of a work tree."""

    def __init__(self, direct_runs: DirectRunActions) -> None:
        self._direct_runs = direct_runs

    async def PrepareDirectRun(
        self, request: pb.PrepareDirectRunRequest, context: Context
    ) -> pb.PrepareDirectRunResponse:
        target = await self._direct_runs.prepare(principal(), request.repository_uuid)
        return pb.PrepareDirectRunResponse(push_url=target.url, push_username=target.username)

    async def CreateDirectRun(
        self, request: pb.CreateDirectRunRequest, context: Context
    ) -> pb.CreateDirectRunResponse:
        created = await self._direct_runs.create(principal(), direct_run_from_pb(request))
        return created_runs_to_pb(created)
