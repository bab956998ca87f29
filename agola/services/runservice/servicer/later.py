"""Services of the contract that answer UNIMPLEMENTED so far: caches."""

from agola.rpc.server import Mount
from generated.agola.runservice.v1 import cache_service_pb2
from generated.agola.runservice.v1.cache_service_pb2_grpc import (
    CacheServiceServicer,
    add_CacheServiceServicer_to_server,
)


def later_mounts() -> list[Mount]:
    """Give the services whose every rpc is left to the generated base."""
    caches = cache_service_pb2.DESCRIPTOR.services_by_name["CacheService"].full_name
    return [
        Mount(
            caches,
            lambda server: add_CacheServiceServicer_to_server(CacheServiceServicer(), server),
        )
    ]
