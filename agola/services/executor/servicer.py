"""agola.executor.v1.ExecutorService over gRPC.  Errors are raised, not mapped."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from agola.rpc.handlers import Context
from agola.rpc.server import Mount
from agola.rpc.streams import with_heartbeats
from agola.services.executor.actions import ReadingActions
from agola.wire.common import archive_event_to_pb, log_part_from_pb
from agola.wire.executor import log_response_to_pb, offset_from_pb, task_id_from_pb
from generated.agola.executor.v1 import executor_service_pb2 as pb
from generated.agola.executor.v1.executor_service_pb2_grpc import (
    ExecutorServiceServicer,
    add_ExecutorServiceServicer_to_server,
)

HEARTBEAT_SECONDS = 15.0


class ExecutorServicer(ExecutorServiceServicer):
    """Gives out logs and archives.  *look* has the executor look for its tasks at once."""

    def __init__(
        self,
        reading: ReadingActions,
        *,
        look: Callable[[], None],
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._reading = reading
        self._look = look
        self._heartbeat = heartbeat

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["ExecutorService"].full_name
        return Mount(name, lambda server: add_ExecutorServiceServicer_to_server(self, server))

    async def NotifyTask(
        self, request: pb.NotifyTaskRequest, context: Context
    ) -> pb.NotifyTaskResponse:
        task_id_from_pb(request.task_id)
        self._look()
        return pb.NotifyTaskResponse()

    async def StreamTaskLog(
        self, request: pb.StreamTaskLogRequest, context: Context
    ) -> AsyncGenerator[pb.StreamTaskLogResponse, None]:
        log = self._reading.read_log(
            task_id_from_pb(request.task_id),
            log_part_from_pb(request.part),
            offset=offset_from_pb(request.offset),
            follow=request.follow,
        )
        async with aclosing(with_heartbeats(log, every=self._heartbeat)) as events:
            async for event in events:
                yield log_response_to_pb(event)

    async def StreamTaskArchive(
        self, request: pb.StreamTaskArchiveRequest, context: Context
    ) -> AsyncGenerator[pb.StreamTaskArchiveResponse, None]:
        archive = self._reading.read_archive(
            task_id_from_pb(request.task_id),
            request.step,
            offset=offset_from_pb(request.offset),
        )
        async with aclosing(archive) as events:
            async for event in events:
                yield archive_event_to_pb(pb.StreamTaskArchiveResponse, event)
