"""The keys of what the runservice keeps encrypted."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from agola.model.encryption_key import Keyring, RotationProgress
from agola.rpc import calls
from agola.wire.encryption_key import keyring_from_pb, progress_from_pb
from generated.agola.runservice.v1 import encryption_key_service_pb2 as pb
from generated.agola.runservice.v1.encryption_key_service_pb2_grpc import EncryptionKeyServiceStub

COUNTING_SECONDS = 1800.0
"""How long an answer may take for which all records are read."""


class EncryptionKeyClient:
    """Errors: those that EncryptionKeyService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = EncryptionKeyServiceStub(channel)

    async def keyring(self, *, count: bool = False) -> Keyring:
        """Say which keys there are; with *count*, how many records each of them encrypts."""
        request = pb.GetKeyringRequest(count_records=count)
        call = self._stub.GetKeyring(request, timeout=COUNTING_SECONDS if count else None)
        return keyring_from_pb((await calls.unary(call)).keyring)

    async def create(self, *, instead_of: str) -> str:
        """Make a new current key unless there is one already; give its id."""
        request = pb.CreateEncryptionKeyRequest(current_key_id=instead_of)
        return (await calls.unary(self._stub.CreateEncryptionKey(request))).current_key_id

    async def rotate(self, key_id: str) -> AsyncGenerator[RotationProgress, None]:
        """Encrypt everything with the current key, which must be this one."""
        request = pb.RotateEncryptionKeysRequest(key_id=key_id)
        async with aclosing(calls.stream(self._stub.RotateEncryptionKeys(request))) as messages:
            async for message in messages:
                yield progress_from_pb(message.progress)

    async def delete(self, key_id: str, *, validate_only: bool = False) -> None:
        """Forget a key that encrypts nothing any more; or only say whether it could be."""
        request = pb.DeleteEncryptionKeyRequest(key_id=key_id, validate_only=validate_only)
        call = self._stub.DeleteEncryptionKey(request, timeout=COUNTING_SECONDS)
        await calls.unary(call)
