"""EncryptionKeyService."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agola.rpc.context import principal
from agola.rpc.handlers import Context
from agola.services.gateway.actions.encryption_keys import EncryptionKeyActions
from agola.wire.encryption_key import keyring_to_pb, progress_to_pb
from agola.wire.gateway.maintenance import service_from_pb, service_to_pb
from generated.agola.gateway.v1 import encryption_key_service_pb2 as pb
from generated.agola.gateway.v1.encryption_key_service_pb2_grpc import (
    EncryptionKeyServiceServicer,
)


class EncryptionKeyServicer(EncryptionKeyServiceServicer):
    """The keys of the services behind the gateway."""

    def __init__(self, keys: EncryptionKeyActions) -> None:
        self._keys = keys

    async def GetKeyring(
        self, request: pb.GetKeyringRequest, context: Context
    ) -> pb.GetKeyringResponse:
        keyring = await self._keys.keyring(principal(), service_from_pb(request.service))
        return pb.GetKeyringResponse(keyring=keyring_to_pb(keyring))

    async def RotateEncryptionKeys(
        self, request: pb.RotateEncryptionKeysRequest, context: Context
    ) -> AsyncGenerator[pb.RotateEncryptionKeysResponse, None]:
        rotation = self._keys.rotate(principal(), resume=request.resume)
        async with aclosing(rotation) as steps:
            async for step in steps:
                yield pb.RotateEncryptionKeysResponse(
                    service=service_to_pb(step.service),
                    key_id=step.key_id,
                    progress=progress_to_pb(step.progress),
                )

    async def DeleteEncryptionKey(
        self, request: pb.DeleteEncryptionKeyRequest, context: Context
    ) -> pb.DeleteEncryptionKeyResponse:
        await self._keys.delete(principal(), request.key_id)
        return pb.DeleteEncryptionKeyResponse()
