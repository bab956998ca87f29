"""LogService."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc

from agola.rpc.context import principal
from agola.rpc.streams import with_heartbeats
from agola.services.gateway.actions.logs import LogActions
from agola.wire.common import log_event_to_pb, log_part_from_pb
from agola.wire.gateway.run_ref import run_ref_from_pb, task_ref_from_pb
from agola.wire.runservice.log import offset_from_pb
from generated.agola.gateway.v1 import log_service_pb2 as pb
from generated.agola.gateway.v1.log_service_pb2_grpc import LogServiceServicer

HEARTBEAT_SECONDS = 15.0


class LogServicer(LogServiceServicer):
    """Reads logs."""

    def __init__(self, actions: LogActions) -> None:
        self._actions = actions

    async def StreamTaskLog(
        self,
        request: pb.StreamTaskLogRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncGenerator[pb.StreamTaskLogResponse, None]:
        log = self._actions.stream_task_log(
            principal(),
            run_ref_from_pb(request.run),
            task_ref_from_pb(request.task),
            log_part_from_pb(request.part),
            offset=offset_from_pb(request.offset),
            follow=request.follow,
        )
        async with aclosing(with_heartbeats(log, every=HEARTBEAT_SECONDS)) as events:
            async for event in events:
                yield log_event_to_pb(pb.StreamTaskLogResponse, event)
