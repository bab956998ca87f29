"""Logs of tasks."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from agola.model.log import LogEvent, LogPart
from agola.model.run_ref import RunRef, TaskRef
from agola.rpc import calls
from agola.wire.common import log_event_from_pb, log_part_to_pb
from agola.wire.gateway.run_ref import run_ref_to_pb, task_ref_to_pb
from generated.agola.gateway.v1 import log_service_pb2 as pb
from generated.agola.gateway.v1.log_service_pb2_grpc import LogServiceStub


class LogClient:
    """Errors: those that LogService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = LogServiceStub(channel)

    async def stream_task_log(
        self, run: RunRef, task: TaskRef, part: LogPart, *, offset: int = 0, follow: bool = False
    ) -> AsyncGenerator[LogEvent | None, None]:
        """Yield the log from *offset* on, then its end; None is a heartbeat.

        A stream that closes without `LogEnd` was cut: call again behind the last byte, or let
        `agola.rpc.resume.resuming` do so.
        """
        request = pb.StreamTaskLogRequest(
            run=run_ref_to_pb(run),
            task=task_ref_to_pb(task),
            part=log_part_to_pb(part),
            offset=offset,
            follow=follow,
        )
        async with aclosing(calls.stream(self._stub.StreamTaskLog(request))) as messages:
            async for message in messages:
                yield log_event_from_pb(message.event)
