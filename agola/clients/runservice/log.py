"""Logs and workspace archives as the runservice gives them out."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from agola.model.archive import ArchiveEvent
from agola.model.executor import ExecutorID
from agola.model.log import LogEvent, LogPart
from agola.model.run_config import RunID, TaskID
from agola.rpc import calls
from agola.wire.common import archive_event_from_pb, log_event_from_pb, log_part_to_pb
from generated.agola.runservice.v1 import archive_service_pb2 as archive_pb
from generated.agola.runservice.v1 import log_service_pb2 as log_pb
from generated.agola.runservice.v1.archive_service_pb2_grpc import ArchiveServiceStub
from generated.agola.runservice.v1.log_service_pb2_grpc import LogServiceStub


class LogClient:
    """Reads logs of tasks.  Errors: those that LogService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = LogServiceStub(channel)

    async def stream_task_log(
        self,
        run_id: RunID,
        task_id: TaskID,
        part: LogPart,
        *,
        offset: int = 0,
        follow: bool = False,
    ) -> AsyncGenerator[LogEvent | None, None]:
        """Yield the log from *offset* on, then its end; None is a heartbeat.

        A stream that closes without `LogEnd` was cut: call again behind the last byte.
        """
        request = log_pb.StreamTaskLogRequest(
            run_id=run_id,
            task_id=task_id,
            part=log_part_to_pb(part),
            offset=offset,
            follow=follow,
        )
        async with aclosing(calls.stream(self._stub.StreamTaskLog(request))) as messages:
            async for message in messages:
                yield log_event_from_pb(message.event)


class ArchiveClient:
    """Reads workspace archives.  Errors: those that ArchiveService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ArchiveServiceStub(channel)

    async def stream_workspace_archive(
        self,
        executor_id: ExecutorID,
        run_id: RunID,
        task_id: TaskID,
        *,
        step: int,
        offset: int = 0,
    ) -> AsyncGenerator[ArchiveEvent, None]:
        """Yield the archive that a step saved, from *offset* on, then its end."""
        request = archive_pb.StreamWorkspaceArchiveRequest(
            executor_id=executor_id, run_id=run_id, task_id=task_id, step=step, offset=offset
        )
        async with aclosing(calls.stream(self._stub.StreamWorkspaceArchive(request))) as messages:
            async for message in messages:
                event = archive_event_from_pb(message)
                if event is not None:
                    yield event
