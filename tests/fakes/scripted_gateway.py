"""A gateway that tells of one run what a test wrote down, and cuts streams where it says so."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc

from agola.core.errors import NotExistError
from agola.model.log import LogChunk, LogEnd, LogPart
from agola.model.run_config import TaskID
from agola.model.run_event import RunProgress, RunState
from agola.rpc.auth import InternalToken
from agola.rpc.server import Mount, serving
from agola.wire.common import log_event_to_pb, log_part_from_pb
from agola.wire.gateway.run_progress import run_progress_to_pb, run_state_to_pb
from generated.agola.gateway.v1 import log_service_pb2, run_service_pb2
from generated.agola.gateway.v1.log_service_pb2_grpc import (
    LogServiceServicer,
    add_LogServiceServicer_to_server,
)
from generated.agola.gateway.v1.run_service_pb2_grpc import (
    RunServiceServicer,
    add_RunServiceServicer_to_server,
)

TOKEN = "the-token-of-a-user"

Context = grpc.aio.ServicerContext[Any, Any]


class ScriptedGateway(RunServiceServicer, LogServiceServicer):
    """Each watch of the run takes the next of `watches`; each stream of a log sends `piece` bytes
    of it and, as long as `cuts` last, closes without an end.
    """

    def __init__(self, state: RunState, *watches: list[RunProgress]) -> None:
        self.state = state
        self.watches = list(watches)
        self.logs: dict[tuple[TaskID, LogPart], bytes] = {}
        self.piece = 1 << 16
        self.cuts = 0

    def serving(self) -> AbstractAsyncContextManager[str]:
        def add(server: grpc.aio.Server) -> None:
            add_RunServiceServicer_to_server(self, server)
            add_LogServiceServicer_to_server(self, server)

        mount = Mount("agola.gateway.v1.RunService", add)
        return serving([mount], address="127.0.0.1:0", authenticate=InternalToken(TOKEN), drain=0)

    async def GetRun(
        self, request: run_service_pb2.GetRunRequest, context: Context
    ) -> run_service_pb2.GetRunResponse:
        return run_state_to_pb(self.state)

    async def WatchRun(
        self, request: run_service_pb2.WatchRunRequest, context: Context
    ) -> AsyncGenerator[run_service_pb2.WatchRunResponse, None]:
        yield run_progress_to_pb(None)
        for progress in self.watches.pop(0):
            yield run_progress_to_pb(progress)

    async def StreamTaskLog(
        self, request: log_service_pb2.StreamTaskLogRequest, context: Context
    ) -> AsyncGenerator[log_service_pb2.StreamTaskLogResponse, None]:
        data = self.logs.get((TaskID(request.task.task_id), log_part_from_pb(request.part)))
        if data is None:
            raise NotExistError("log doesn't exist", reason="LOG_DOES_NOT_EXIST")
        response = log_service_pb2.StreamTaskLogResponse
        yield log_event_to_pb(response, None)
        for start in range(request.offset, len(data), self.piece):
            yield log_event_to_pb(response, LogChunk(start, data[start : start + self.piece]))
            if self.cuts:
                self.cuts -= 1
                return
        yield log_event_to_pb(response, LogEnd(len(data)))
