"""Executors: their own side, and that of those who look at them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from agola.model.assignment import Assignment, ExecutorLoad, Registration
from agola.model.executor import Executor, ExecutorID, ExecutorTaskStatus, SessionID
from agola.model.run_config import RunID, TaskID
from agola.rpc import calls
from agola.wire.runservice.assignment import assignment_from_pb
from agola.wire.runservice.executor import (
    executor_load_from_pb,
    executor_to_pb,
    registration_from_pb,
)
from agola.wire.runservice.executor_task import status_to_pb
from generated.agola.runservice.v1 import executor_registry_service_pb2 as registry_pb
from generated.agola.runservice.v1 import executor_task_service_pb2 as pb
from generated.agola.runservice.v1.executor_registry_service_pb2_grpc import (
    ExecutorRegistryServiceStub,
)
from generated.agola.runservice.v1.executor_task_service_pb2_grpc import ExecutorTaskServiceStub


class ExecutorTaskClient:
    """What an executor asks and says.  Errors: those that ExecutorTaskService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ExecutorTaskServiceStub(channel)

    async def register_executor(self, executor: Executor) -> Registration:
        """Begin a session.  Older ones of the same executor end."""
        request = pb.RegisterExecutorRequest(executor=executor_to_pb(executor))
        return registration_from_pb(await calls.unary(self._stub.RegisterExecutor(request)))

    async def keep_executor_alive(self, executor_id: ExecutorID, session: SessionID) -> None:
        request = pb.KeepExecutorAliveRequest(executor_id=executor_id, session_id=session)
        await calls.unary(self._stub.KeepExecutorAlive(request))

    async def watch_executor_tasks(
        self, executor_id: ExecutorID, session: SessionID
    ) -> AsyncGenerator[Assignment | None, None]:
        """Yield the executor's tasks as they are, then what changes; None is a heartbeat."""
        request = pb.WatchExecutorTasksRequest(executor_id=executor_id, session_id=session)
        async with aclosing(calls.stream(self._stub.WatchExecutorTasks(request))) as messages:
            async for message in messages:
                yield assignment_from_pb(message)

    async def update_executor_task_status(
        self,
        executor_id: ExecutorID,
        session: SessionID,
        run_id: RunID,
        task_id: TaskID,
        *,
        status: ExecutorTaskStatus,
    ) -> None:
        """Report a task.  Safe to repeat."""
        request = pb.UpdateExecutorTaskStatusRequest(
            executor_id=executor_id,
            session_id=session,
            run_id=run_id,
            task_id=task_id,
            status=status_to_pb(status),
        )
        await calls.unary(self._stub.UpdateExecutorTaskStatus(request))


class ExecutorRegistryClient:
    """Looks at executors.  Errors: those that ExecutorRegistryService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ExecutorRegistryServiceStub(channel)

    async def list_executors(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> tuple[tuple[ExecutorLoad, ...], str]:
        """Read a page of the executors that are alive, and where the next page starts."""
        request = registry_pb.ListExecutorsRequest(page_size=page_size, page_token=page_token)
        answer = await calls.unary(self._stub.ListExecutors(request))
        loads = tuple(executor_load_from_pb(executor) for executor in answer.executors)
        return loads, answer.next_page_token
