"""An executor for the runservice: model in, model out, typed errors."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from agola.model.archive import ArchiveEvent
from agola.model.log import LogEvent, LogPart
from agola.model.run_config import TaskID
from agola.rpc import calls
from agola.wire.common import archive_event_from_pb, log_event_from_pb
from agola.wire.executor import log_request_to_pb
from generated.agola.executor.v1 import executor_service_pb2 as pb
from generated.agola.executor.v1.executor_service_pb2_grpc import ExecutorServiceStub


class ExecutorClient:
    """Reads what an executor keeps.  Errors: those that ExecutorService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ExecutorServiceStub(channel)

    async def notify_task(self, task_id: TaskID) -> None:
        """Hint that a task changed."""
        await calls.unary(self._stub.NotifyTask(pb.NotifyTaskRequest(task_id=task_id)))

    async def stream_task_log(
        self, task_id: TaskID, part: LogPart, *, offset: int = 0, follow: bool = False
    ) -> AsyncGenerator[LogEvent | None, None]:
        """Yield the log from *offset* on, then its end; None is a heartbeat.

        A followed stream that closes without `LogEnd` was cut: call again behind the last byte.
        Without *follow*, a log that still grows closes without `LogEnd` at its present size.
        """
        request = log_request_to_pb(task_id, part, offset=offset, follow=follow)
        async with aclosing(calls.stream(self._stub.StreamTaskLog(request))) as messages:
            async for message in messages:
                yield log_event_from_pb(message.event)

    async def stream_task_archive(
        self, task_id: TaskID, step: int, *, offset: int = 0
    ) -> AsyncGenerator[ArchiveEvent, None]:
        """Yield the archive that a step saved from *offset* on, then its size and digest.

        A stream that closes without `ArchiveEnd` was cut: call again behind the last byte.
        """
        request = pb.StreamTaskArchiveRequest(task_id=task_id, step=step, offset=offset)
        async with aclosing(calls.stream(self._stub.StreamTaskArchive(request))) as messages:
            async for message in messages:
                if (event := archive_event_from_pb(message)) is not None:
                    yield event
