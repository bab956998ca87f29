"""All services of the public API: those that answer, and those that say that they will."""

from types import ModuleType

from agola.rpc.server import Mount
from agola.services.gateway.servicer.auth import AuthServicer
from agola.services.gateway.servicer.config import ConfigServicer
from agola.services.gateway.servicer.direct_run import DirectRunServicer
from agola.services.gateway.servicer.encryption_key import EncryptionKeyServicer
from agola.services.gateway.servicer.executor_registry import ExecutorRegistryServicer
from agola.services.gateway.servicer.log import LogServicer
from agola.services.gateway.servicer.maintenance import MaintenanceServicer
from agola.services.gateway.servicer.run import RunServicer
from agola.services.gateway.servicer.user import UserServicer
from generated.agola.gateway.v1 import (
    auth_service_pb2,
    auth_service_pb2_grpc,
    cache_service_pb2,
    cache_service_pb2_grpc,
    config_service_pb2,
    config_service_pb2_grpc,
    delivery_service_pb2,
    delivery_service_pb2_grpc,
    direct_run_service_pb2,
    direct_run_service_pb2_grpc,
    encryption_key_service_pb2,
    encryption_key_service_pb2_grpc,
    executor_registry_service_pb2,
    executor_registry_service_pb2_grpc,
    invitation_service_pb2,
    invitation_service_pb2_grpc,
    linked_account_service_pb2,
    linked_account_service_pb2_grpc,
    log_service_pb2,
    log_service_pb2_grpc,
    maintenance_service_pb2,
    maintenance_service_pb2_grpc,
    organization_service_pb2,
    organization_service_pb2_grpc,
    project_group_service_pb2,
    project_group_service_pb2_grpc,
    project_service_pb2,
    project_service_pb2_grpc,
    remote_source_service_pb2,
    remote_source_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
    secret_service_pb2,
    secret_service_pb2_grpc,
    user_service_pb2,
    user_service_pb2_grpc,
    variable_service_pb2,
    variable_service_pb2_grpc,
)

LATER: tuple[tuple[ModuleType, ModuleType], ...] = (
    (cache_service_pb2, cache_service_pb2_grpc),
    (delivery_service_pb2, delivery_service_pb2_grpc),
    (invitation_service_pb2, invitation_service_pb2_grpc),
    (linked_account_service_pb2, linked_account_service_pb2_grpc),
    (organization_service_pb2, organization_service_pb2_grpc),
    (project_group_service_pb2, project_group_service_pb2_grpc),
    (project_service_pb2, project_service_pb2_grpc),
    (remote_source_service_pb2, remote_source_service_pb2_grpc),
    (secret_service_pb2, secret_service_pb2_grpc),
    (variable_service_pb2, variable_service_pb2_grpc),
)
"""Services whose every rpc is left to the generated base, which answers UNIMPLEMENTED."""


def mounts(
    *,
    auth: AuthServicer,
    users: UserServicer,
    runs: RunServicer,
    direct_runs: DirectRunServicer,
    logs: LogServicer,
    executors: ExecutorRegistryServicer,
    configs: ConfigServicer,
    encryption_keys: EncryptionKeyServicer,
    maintenance: MaintenanceServicer,
) -> list[Mount]:
    """Mount everything that the contract has."""
    return [
        _mount(auth_service_pb2, auth_service_pb2_grpc, auth),
        _mount(user_service_pb2, user_service_pb2_grpc, users),
        _mount(run_service_pb2, run_service_pb2_grpc, runs),
        _mount(direct_run_service_pb2, direct_run_service_pb2_grpc, direct_runs),
        _mount(log_service_pb2, log_service_pb2_grpc, logs),
        _mount(executor_registry_service_pb2, executor_registry_service_pb2_grpc, executors),
        _mount(config_service_pb2, config_service_pb2_grpc, configs),
        _mount(encryption_key_service_pb2, encryption_key_service_pb2_grpc, encryption_keys),
        _mount(maintenance_service_pb2, maintenance_service_pb2_grpc, maintenance),
        *(_mount(messages, calls) for messages, calls in LATER),
    ]


def _mount(messages: ModuleType, calls: ModuleType, servicer: object = None) -> Mount:
    """Mount the only service of two generated modules; without a servicer, their base."""
    (service,) = messages.DESCRIPTOR.services_by_name.values()
    answering = servicer or getattr(calls, f"{service.name}Servicer")()
    add = getattr(calls, f"add_{service.name}Servicer_to_server")
    return Mount(service.full_name, lambda server: add(answering, server))
