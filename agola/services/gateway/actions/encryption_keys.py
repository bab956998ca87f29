"""Changing the keys of what is kept encrypted, for administrators."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from agola.core.errors import NotExistError
from agola.model.encryption_key import Keyring, ServiceRotation
from agola.model.maintenance import MaintainedService
from agola.rpc.context import Principal
from agola.services.gateway.actions.authorization import READ, WRITE, require_admin, require_scope
from agola.services.gateway.ports.encryption_key import EncryptionKeys


class EncryptionKeyActions:
    """The keys of all services: they share them, if they share a data directory."""

    def __init__(self, services: Mapping[MaintainedService, EncryptionKeys]) -> None:
        self._services = services

    async def keyring(self, principal: Principal, service: MaintainedService) -> Keyring:
        """Give the keys of a service, with what they encrypt.  ForbiddenError: ADMIN_REQUIRED."""
        require_scope(principal, "admin", READ)
        require_admin(principal)
        return await self._services[service].keyring(count=True)

    async def rotate(
        self, principal: Principal, *, resume: bool
    ) -> AsyncGenerator[ServiceRotation, None]:
        """Encrypt everything with a new key; to *resume*, with the current one.

        ForbiddenError: ADMIN_REQUIRED.  PreconditionError: ENCRYPTION_KEY_NOT_CURRENT.
        """
        require_scope(principal, "admin", WRITE)
        require_admin(principal)
        before = {service: await keys.keyring() for service, keys in self._services.items()}
        for service, keys in self._services.items():
            key_id = before[service].current
            if before[service].managed and not resume:
                key_id = await keys.create(instead_of=key_id)  # none, where another service did
            async with aclosing(keys.rotate(key_id)) as rotation:
                async for progress in rotation:
                    yield ServiceRotation(service=service, key_id=key_id, progress=progress)

    async def delete(self, principal: Principal, key_id: str) -> None:
        """Forget a key that encrypts nothing in any service.

        ForbiddenError: ADMIN_REQUIRED.  NotExistError: ENCRYPTION_KEY_DOES_NOT_EXIST.
        PreconditionError: ENCRYPTION_KEY_IS_CURRENT, ENCRYPTION_KEY_IN_USE.
        """
        require_scope(principal, "admin", WRITE)
        require_admin(principal)
        having = [keys for keys in self._services.values() if await _may_forget(keys, key_id)]
        if not having:
            message = f"there is no encryption key {key_id!r}"
            raise NotExistError(message, reason="ENCRYPTION_KEY_DOES_NOT_EXIST", keyId=key_id)
        for keys in having:
            try:
                await keys.delete(key_id)
            except NotExistError:  # the service before it had the same keys
                continue


async def _may_forget(keys: EncryptionKeys, key_id: str) -> bool:
    """Say whether a service has a key that it can forget; raise if it has, and cannot."""
    try:
        await keys.delete(key_id, validate_only=True)
    except NotExistError:
        return False
    return True
