"""How services of logs and archives are added to a server."""

from agola.rpc.server import Mount
from agola.services.runservice.servicer.log import ArchiveServicer, LogServicer
from generated.agola.runservice.v1 import archive_service_pb2, log_service_pb2
from generated.agola.runservice.v1.archive_service_pb2_grpc import (
    add_ArchiveServiceServicer_to_server,
)
from generated.agola.runservice.v1.log_service_pb2_grpc import add_LogServiceServicer_to_server


def log_mounts(logs: LogServicer, archives: ArchiveServicer) -> list[Mount]:
    """Mount both."""
    log = log_service_pb2.DESCRIPTOR.services_by_name["LogService"]
    archive = archive_service_pb2.DESCRIPTOR.services_by_name["ArchiveService"]
    return [
        Mount(log.full_name, lambda server: add_LogServiceServicer_to_server(logs, server)),
        Mount(
            archive.full_name,
            lambda server: add_ArchiveServiceServicer_to_server(archives, server),
        ),
    ]
