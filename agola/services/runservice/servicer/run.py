"""agola.runservice.v1.RunService over gRPC."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agola.model.run_config import RunID
from agola.model.run_query import RunPage
from agola.rpc.handlers import Context
from agola.rpc.paging import decode_token, encode_token, page_size
from agola.rpc.server import Mount
from agola.rpc.streams import with_heartbeats
from agola.services.runservice.actions.listing import RunListing
from agola.services.runservice.actions.runs import RunActions
from agola.wire.runservice.run import run_to_pb, task_to_pb
from agola.wire.runservice.run_config import run_config_from_pb
from agola.wire.runservice.run_event import run_progress_to_pb
from agola.wire.runservice.run_query import run_filter_from_pb, run_number_from_pb, run_page_to_pb
from generated.agola.runservice.v1 import run_service_pb2 as pb
from generated.agola.runservice.v1.run_service_pb2_grpc import (
    RunServiceServicer,
    add_RunServiceServicer_to_server,
)

HEARTBEAT_SECONDS = 15.0


class RunServicer(RunServiceServicer):
    """Serves runs."""

    def __init__(
        self, actions: RunActions, listing: RunListing, *, heartbeat: float = HEARTBEAT_SECONDS
    ) -> None:
        self._actions = actions
        self._listing = listing
        self._heartbeat = heartbeat

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["RunService"].full_name
        return Mount(name, lambda server: add_RunServiceServicer_to_server(self, server))

    async def CreateRun(
        self, request: pb.CreateRunRequest, context: Context
    ) -> pb.CreateRunResponse:
        config = run_config_from_pb(request.config)
        state = await self._actions.create(config, request_id=request.request_id)
        tasks = [task_to_pb(task) for task in state.tasks]
        return pb.CreateRunResponse(run=run_to_pb(state.run), tasks=tasks)

    async def GetRun(self, request: pb.GetRunRequest, context: Context) -> pb.GetRunResponse:
        if request.WhichOneof("by") == "number":
            state = await self._actions.get(run_number_from_pb(request.number))
        else:
            state = await self._actions.get(RunID(request.run_id))
        tasks = [task_to_pb(task) for task in state.tasks]
        return pb.GetRunResponse(run=run_to_pb(state.run), tasks=tasks)

    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> pb.ListRunsResponse:
        filter_ = run_filter_from_pb(request.filter)
        asked = request.filter.SerializeToString(deterministic=True).hex()
        query = ("runs", asked, str(request.ascending))
        size = page_size(request.page_size)
        runs = await self._listing.find(
            filter_,
            after=decode_token(request.page_token, query=query),
            limit=size + 1,
            ascending=request.ascending,
        )
        page = tuple(runs[:size])
        more = encode_token(page[-1].id, query=query) if len(runs) > size else ""
        return run_page_to_pb(RunPage(runs=page, next_page_token=more))

    async def WatchRun(
        self, request: pb.WatchRunRequest, context: Context
    ) -> AsyncGenerator[pb.WatchRunResponse, None]:
        watch = self._actions.watch(RunID(request.run_id))
        async with aclosing(with_heartbeats(watch, every=self._heartbeat)) as progress:
            async for one in progress:
                yield run_progress_to_pb(one)

    async def StartRun(self, request: pb.StartRunRequest, context: Context) -> pb.StartRunResponse:
        run = await self._actions.start(RunID(request.run_id))
        return pb.StartRunResponse(run=run_to_pb(run))

    async def StopRun(self, request: pb.StopRunRequest, context: Context) -> pb.StopRunResponse:
        run = await self._actions.stop(RunID(request.run_id))
        return pb.StopRunResponse(run=run_to_pb(run))

    async def CancelRun(
        self, request: pb.CancelRunRequest, context: Context
    ) -> pb.CancelRunResponse:
        run = await self._actions.cancel(RunID(request.run_id))
        return pb.CancelRunResponse(run=run_to_pb(run))
