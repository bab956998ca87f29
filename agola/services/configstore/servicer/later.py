"""Services of the contract that are there and answer UNIMPLEMENTED so far."""

from types import ModuleType

from agola.rpc.server import Mount
from generated.agola.configstore.v1 import (
    invitation_service_pb2_grpc,
    linked_account_service_pb2_grpc,
    organization_service_pb2_grpc,
    project_group_service_pb2_grpc,
    project_service_pb2_grpc,
    remote_source_service_pb2_grpc,
    secret_service_pb2_grpc,
    variable_service_pb2_grpc,
)

PACKAGE = "agola.configstore.v1"
SERVICES = {
    "InvitationService": invitation_service_pb2_grpc,
    "LinkedAccountService": linked_account_service_pb2_grpc,
    "OrganizationService": organization_service_pb2_grpc,
    "ProjectGroupService": project_group_service_pb2_grpc,
    "ProjectService": project_service_pb2_grpc,
    "RemoteSourceService": remote_source_service_pb2_grpc,
    "SecretService": secret_service_pb2_grpc,
    "VariableService": variable_service_pb2_grpc,
}


def later_mounts() -> list[Mount]:
    """Give the services whose every rpc is left to the generated base."""
    return [_mount(name, module) for name, module in SERVICES.items()]


def _mount(name: str, module: ModuleType) -> Mount:
    servicer = getattr(module, f"{name}Servicer")
    add = getattr(module, f"add_{name}Servicer_to_server")
    return Mount(f"{PACKAGE}.{name}", lambda server: add(servicer(), server))
