"""The gateway for those who call it, with a user's token: model in, model out, typed errors."""

from agola.clients.gateway.auth import AuthClient
from agola.clients.gateway.config import ConfigClient
from agola.clients.gateway.direct_run import DirectRunClient
from agola.clients.gateway.encryption_key import EncryptionKeyClient
from agola.clients.gateway.executor import ExecutorRegistryClient
from agola.clients.gateway.log import LogClient
from agola.clients.gateway.maintenance import MaintenanceClient
from agola.clients.gateway.run import RunClient
from agola.clients.gateway.user import UserClient

__all__ = [
    "AuthClient",
    "ConfigClient",
    "DirectRunClient",
    "EncryptionKeyClient",
    "ExecutorRegistryClient",
    "LogClient",
    "MaintenanceClient",
    "RunClient",
    "UserClient",
]
