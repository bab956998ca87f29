"""ExecutorRegistryService."""

from agola.rpc.context import principal
from agola.rpc.handlers import Context
from agola.services.gateway.actions.executors import ExecutorActions
from agola.wire.gateway.executor import executor_load_to_pb
from generated.agola.gateway.v1 import executor_registry_service_pb2 as pb
from generated.agola.gateway.v1.executor_registry_service_pb2_grpc import (
    ExecutorRegistryServiceServicer,
)


class ExecutorRegistryServicer(ExecutorRegistryServiceServicer):
    """Executors."""

    def __init__(self, executors: ExecutorActions) -> None:
        self._executors = executors

    async def ListExecutors(
        self, request: pb.ListExecutorsRequest, context: Context
    ) -> pb.ListExecutorsResponse:
        page = await self._executors.list(
            principal(), page_size=request.page_size, page_token=request.page_token
        )
        return pb.ListExecutorsResponse(
            executors=[executor_load_to_pb(load) for load in page.items],
            next_page_token=page.next_token,
        )
