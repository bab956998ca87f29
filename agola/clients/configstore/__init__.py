"""The configstore for those who call it: model in, model out, typed errors."""

from agola.clients.configstore.encryption_key import EncryptionKeyClient
from agola.clients.configstore.maintenance import MaintenanceClient
from agola.clients.configstore.user import UserClient

__all__ = ["EncryptionKeyClient", "MaintenanceClient", "UserClient"]
