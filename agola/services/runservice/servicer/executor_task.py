"""agola.runservice.v1.ExecutorTaskService over gRPC."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agola.model.executor import ExecutorID, SessionID
from agola.model.run_config import RunID, TaskID
from agola.rpc.handlers import Context
from agola.rpc.server import Mount
from agola.rpc.streams import with_heartbeats
from agola.services.runservice.actions.executors import ExecutorActions
from agola.services.runservice.actions.reports import ReportActions
from agola.wire.runservice.assignment import assignment_to_pb
from agola.wire.runservice.executor import executor_from_pb, registration_to_pb
from agola.wire.runservice.executor_task import status_from_pb
from generated.agola.runservice.v1 import executor_task_service_pb2 as pb
from generated.agola.runservice.v1.executor_task_service_pb2_grpc import (
    ExecutorTaskServiceServicer,
    add_ExecutorTaskServiceServicer_to_server,
)

HEARTBEAT_SECONDS = 15.0


class ExecutorTaskServicer(ExecutorTaskServiceServicer):
    """Serves executors."""

    def __init__(
        self,
        executors: ExecutorActions,
        reports: ReportActions,
        *,
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._executors = executors
        self._reports = reports
        self._heartbeat = heartbeat

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["ExecutorTaskService"].full_name
        return Mount(name, lambda server: add_ExecutorTaskServiceServicer_to_server(self, server))

    async def RegisterExecutor(
        self, request: pb.RegisterExecutorRequest, context: Context
    ) -> pb.RegisterExecutorResponse:
        registration = await self._executors.register(executor_from_pb(request.executor))
        return registration_to_pb(registration)

    async def KeepExecutorAlive(
        self, request: pb.KeepExecutorAliveRequest, context: Context
    ) -> pb.KeepExecutorAliveResponse:
        session = SessionID(request.session_id)
        await self._executors.keep_alive(ExecutorID(request.executor_id), session)
        return pb.KeepExecutorAliveResponse()

    async def WatchExecutorTasks(
        self, request: pb.WatchExecutorTasksRequest, context: Context
    ) -> AsyncGenerator[pb.WatchExecutorTasksResponse, None]:
        session = SessionID(request.session_id)
        watch = self._executors.watch(ExecutorID(request.executor_id), session)
        async with aclosing(with_heartbeats(watch, every=self._heartbeat)) as assignments:
            async for assignment in assignments:
                yield assignment_to_pb(assignment)

    async def UpdateExecutorTaskStatus(
        self, request: pb.UpdateExecutorTaskStatusRequest, context: Context
    ) -> pb.UpdateExecutorTaskStatusResponse:
        await self._reports.update(
            ExecutorID(request.executor_id),
            SessionID(request.session_id),
            RunID(request.run_id),
            TaskID(request.task_id),
            status=status_from_pb(request.status),
        )
        return pb.UpdateExecutorTaskStatusResponse()
