"""agola.runservice.v1.ExecutorRegistryService over gRPC."""

from agola.rpc.handlers import Context
from agola.rpc.paging import decode_token, encode_token, page_size
from agola.rpc.server import Mount
from agola.services.runservice.actions.executors import ExecutorActions
from agola.wire.runservice.executor import executor_to_pb
from generated.agola.runservice.v1 import executor_registry_service_pb2 as pb
from generated.agola.runservice.v1.executor_registry_service_pb2_grpc import (
    ExecutorRegistryServiceServicer,
    add_ExecutorRegistryServiceServicer_to_server,
)

QUERY = ("executors",)


class ExecutorRegistryServicer(ExecutorRegistryServiceServicer):
    """Serves those who look at executors."""

    def __init__(self, actions: ExecutorActions) -> None:
        self._actions = actions

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["ExecutorRegistryService"].full_name
        return Mount(
            name, lambda server: add_ExecutorRegistryServiceServicer_to_server(self, server)
        )

    async def ListExecutors(
        self, request: pb.ListExecutorsRequest, context: Context
    ) -> pb.ListExecutorsResponse:
        size = page_size(request.page_size)
        after = decode_token(request.page_token, query=QUERY)
        loads = self._actions.list(after=after, limit=size + 1)
        page = loads[:size]
        more = encode_token(page[-1].executor.id, query=QUERY) if len(loads) > size else ""
        executors = [executor_to_pb(one.executor, active_tasks=one.active_tasks) for one in page]
        return pb.ListExecutorsResponse(executors=executors, next_page_token=more)
