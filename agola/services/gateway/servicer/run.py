"""RunService."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agola.rpc.context import principal
from agola.rpc.handlers import Context
from agola.services.gateway.actions.runs import RunActions
from agola.wire.gateway.run import run_to_pb
from agola.wire.gateway.run_progress import run_progress_to_pb, run_state_to_pb
from agola.wire.gateway.run_ref import run_ref_from_pb, selection_from_pb
from generated.agola.gateway.v1 import run_service_pb2 as pb
from generated.agola.gateway.v1.run_service_pb2_grpc import RunServiceServicer


class RunServicer(RunServiceServicer):
    """Runs."""

    def __init__(self, runs: RunActions) -> None:
        self._runs = runs

    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> pb.ListRunsResponse:
        page = await self._runs.list(
            principal(),
            selection_from_pb(request),
            page_size=request.page_size,
            page_token=request.page_token,
            ascending=request.ascending,
        )
        return pb.ListRunsResponse(
            runs=[run_to_pb(run) for run in page.items], next_page_token=page.next_token
        )

    async def GetRun(self, request: pb.GetRunRequest, context: Context) -> pb.GetRunResponse:
        return run_state_to_pb(await self._runs.get(principal(), run_ref_from_pb(request.run)))

    async def WatchRun(
        self, request: pb.WatchRunRequest, context: Context
    ) -> AsyncGenerator[pb.WatchRunResponse, None]:
        ref = run_ref_from_pb(request.run)
        async with aclosing(self._runs.watch(principal(), ref)) as progress:
            async for news in progress:
                yield run_progress_to_pb(news)

    async def StopRun(self, request: pb.StopRunRequest, context: Context) -> pb.StopRunResponse:
        run = await self._runs.stop(principal(), run_ref_from_pb(request.run))
        return pb.StopRunResponse(run=run_to_pb(run))

    async def CancelRun(
        self, request: pb.CancelRunRequest, context: Context
    ) -> pb.CancelRunResponse:
        run = await self._runs.cancel(principal(), run_ref_from_pb(request.run))
        return pb.CancelRunResponse(run=run_to_pb(run))
