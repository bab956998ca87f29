"""Runs of a work tree."""

import grpc

from agola.model.direct_run import CreatedRuns, DirectRun, PushTarget
from agola.rpc import calls
from agola.wire.gateway.direct_run import created_runs_from_pb, direct_run_to_pb
from generated.agola.gateway.v1 import direct_run_service_pb2 as pb
from generated.agola.gateway.v1.direct_run_service_pb2_grpc import DirectRunServiceStub


class DirectRunClient:
    """Errors: those that DirectRunService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = DirectRunServiceStub(channel)

    async def prepare_direct_run(self, repository_uuid: str) -> PushTarget:
        """Say where to push the work tree with this id.  The password is the caller's token."""
        request = pb.PrepareDirectRunRequest(repository_uuid=repository_uuid)
        answer = await calls.unary(self._stub.PrepareDirectRun(request))
        return PushTarget(answer.push_url, answer.push_username)

    async def create_direct_run(self, wish: DirectRun) -> CreatedRuns:
        """Make the runs of the pushed commit.  Safe to repeat with the same `request_id`."""
        answer = await calls.unary(self._stub.CreateDirectRun(direct_run_to_pb(wish)))
        return created_runs_from_pb(answer)
