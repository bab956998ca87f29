"""The keys of what is kept encrypted, for administrators."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from agola.model.encryption_key import Keyring, ServiceRotation
from agola.model.maintenance import MaintainedService
from agola.rpc import calls
from agola.wire.encryption_key import keyring_from_pb, progress_from_pb
from agola.wire.gateway.maintenance import service_from_pb, service_to_pb
from generated.agola.gateway.v1 import encryption_key_service_pb2 as pb
from generated.agola.gateway.v1.encryption_key_service_pb2_grpc import EncryptionKeyServiceStub

COUNTING_SECONDS = 1800.0
"""How long an answer may take for which all records are read."""


class EncryptionKeyClient:
    """Errors: those that EncryptionKeyService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = EncryptionKeyServiceStub(channel)

    async def keyring(self, service: MaintainedService) -> Keyring:
        """Say which keys a service has, and how many records each of them encrypts."""
        request = pb.GetKeyringRequest(service=service_to_pb(service))
        call = self._stub.GetKeyring(request, timeout=COUNTING_SECONDS)
        return keyring_from_pb((await calls.unary(call)).keyring)

    async def rotate(self, *, resume: bool = False) -> AsyncGenerator[ServiceRotation, None]:
        """Encrypt everything with a new key; to *resume*, with the current one."""
        request = pb.RotateEncryptionKeysRequest(resume=resume)
        async with aclosing(calls.stream(self._stub.RotateEncryptionKeys(request))) as messages:
            async for message in messages:
                yield ServiceRotation(
                    service=service_from_pb(message.service),
                    key_id=message.key_id,
                    progress=progress_from_pb(message.progress),
                )

    async def delete(self, key_id: str) -> None:
        """Forget a key that encrypts nothing any more."""
        request = pb.DeleteEncryptionKeyRequest(key_id=key_id)
        call = self._stub.DeleteEncryptionKey(request, timeout=COUNTING_SECONDS)
        await calls.unary(call)
