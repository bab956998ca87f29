"""An executor that only keeps logs and archives, served as a real one is."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

import grpc

from agola.core.errors import NotExistError
from agola.model.archive import ArchiveChunk, ArchiveEnd
from agola.model.log import MAX_CHUNK_BYTES, LogPart
from agola.model.run_config import TaskID
from agola.rpc.auth import InternalToken
from agola.rpc.server import Mount, serving
from agola.wire.common import archive_event_to_pb, log_part_from_pb
from agola.wire.executor import log_response_to_pb
from generated.agola.executor.v1 import executor_service_pb2 as pb
from generated.agola.executor.v1.executor_service_pb2_grpc import (
    ExecutorServiceServicer,
    add_ExecutorServiceServicer_to_server,
)
from tests.fakes.growing_log import GrowingLog

NAME = "agola.executor.v1.ExecutorService"


class LogExecutor(ExecutorServiceServicer):
    """Logs that a test writes, by task and part, and archives by task and step."""

    def __init__(self) -> None:
        self.logs: dict[tuple[TaskID, LogPart], GrowingLog] = {}
        self.archives: dict[tuple[TaskID, int], bytes] = {}

    def log(self, task_id: TaskID, part: LogPart, data: bytes = b"") -> GrowingLog:
        """Begin a log."""
        log = self.logs[task_id, part] = GrowingLog(data)
        return log

    def serving(self, token: str, address: str = "127.0.0.1:0") -> AbstractAsyncContextManager[str]:
        mount = Mount(NAME, lambda server: add_ExecutorServiceServicer_to_server(self, server))
        return serving([mount], address=address, authenticate=InternalToken(token), drain=0)

    async def StreamTaskLog(
        self, request: pb.StreamTaskLogRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncGenerator[pb.StreamTaskLogResponse, None]:
        log = self.logs.get((TaskID(request.task_id), log_part_from_pb(request.part)))
        if log is None:
            raise NotExistError("no such log", reason="LOG_DOES_NOT_EXIST")
        async with aclosing(log.stream(request.offset)) as events:
            position, size = request.offset, len(log.data)
            while request.follow or log.ended or position < size:
                event = await anext(events, None)
                if event is None:
                    return
                yield log_response_to_pb(event)
                position += len(getattr(event, "data", b""))

    async def StreamTaskArchive(
        self, request: pb.StreamTaskArchiveRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncGenerator[pb.StreamTaskArchiveResponse, None]:
        data = self.archives.get((TaskID(request.task_id), request.step))
        if data is None:
            raise NotExistError("no such archive", reason="ARCHIVE_DOES_NOT_EXIST")
        for start in range(request.offset, len(data), MAX_CHUNK_BYTES):
            chunk = ArchiveChunk(start, data[start : start + MAX_CHUNK_BYTES])
            yield archive_event_to_pb(pb.StreamTaskArchiveResponse, chunk)
        end = ArchiveEnd(len(data), hashlib.sha256(data).digest())
        yield archive_event_to_pb(pb.StreamTaskArchiveResponse, end)
