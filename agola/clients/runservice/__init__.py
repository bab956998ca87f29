"""The runservice for those who call it: model in, model out, typed errors."""

from agola.clients.runservice.encryption_key import EncryptionKeyClient
from agola.clients.runservice.executor import ExecutorRegistryClient, ExecutorTaskClient
from agola.clients.runservice.log import ArchiveClient, LogClient
from agola.clients.runservice.maintenance import MaintenanceClient
from agola.clients.runservice.run import RunClient, RunEventClient

__all__ = [
    "ArchiveClient",
    "EncryptionKeyClient",
    "ExecutorRegistryClient",
    "ExecutorTaskClient",
    "LogClient",
    "MaintenanceClient",
    "RunClient",
    "RunEventClient",
]
