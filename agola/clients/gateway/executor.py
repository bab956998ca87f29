"""Executors, for administrators."""

import grpc

from agola.model.assignment import ExecutorLoad
from agola.model.page import Page
from agola.rpc import calls
from agola.wire.gateway.executor import executor_load_from_pb
from generated.agola.gateway.v1 import executor_registry_service_pb2 as pb
from generated.agola.gateway.v1.executor_registry_service_pb2_grpc import (
    ExecutorRegistryServiceStub,
)


class ExecutorRegistryClient:
    """Errors: those that ExecutorRegistryService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ExecutorRegistryServiceStub(channel)

    async def list_executors(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> Page[ExecutorLoad]:
        """Read a page of the executors that are alive."""
        request = pb.ListExecutorsRequest(page_size=page_size, page_token=page_token)
        answer = await calls.unary(self._stub.ListExecutors(request))
        executors = tuple(executor_load_from_pb(executor) for executor in answer.executors)
        return Page(executors, answer.next_page_token)
