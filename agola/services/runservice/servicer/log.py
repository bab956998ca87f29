"""LogService and ArchiveService."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc

from agola.model.executor import ExecutorID
from agola.rpc.streams import with_heartbeats
from agola.services.runservice.actions.archives import ArchiveActions
from agola.services.runservice.actions.logs import LogActions
from agola.wire.common import archive_event_to_pb, log_event_to_pb, log_part_from_pb
from agola.wire.runservice.log import offset_from_pb, run_id_from_pb, task_id_from_pb
from generated.agola.runservice.v1 import archive_service_pb2 as archive_pb
from generated.agola.runservice.v1 import log_service_pb2 as pb
from generated.agola.runservice.v1.archive_service_pb2_grpc import ArchiveServiceServicer
from generated.agola.runservice.v1.log_service_pb2_grpc import LogServiceServicer

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
            run_id_from_pb(request.run_id),
            task_id_from_pb(request.task_id),
            log_part_from_pb(request.part),
            offset=offset_from_pb(request.offset),
            follow=request.follow,
        )
        async with aclosing(with_heartbeats(log, every=HEARTBEAT_SECONDS)) as events:
            async for event in events:
                yield log_event_to_pb(pb.StreamTaskLogResponse, event)


class ArchiveServicer(ArchiveServiceServicer):
    """Reads workspace archives."""

    def __init__(self, actions: ArchiveActions) -> None:
        self._actions = actions

    async def StreamWorkspaceArchive(
        self,
        request: archive_pb.StreamWorkspaceArchiveRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncGenerator[archive_pb.StreamWorkspaceArchiveResponse, None]:
        archive = self._actions.stream_workspace_archive(
            ExecutorID(request.executor_id),
            run_id_from_pb(request.run_id),
            task_id_from_pb(request.task_id),
            step=request.step,
            offset=offset_from_pb(request.offset),
        )
        async with aclosing(archive) as events:
            async for event in events:
                yield archive_event_to_pb(archive_pb.StreamWorkspaceArchiveResponse, event)
