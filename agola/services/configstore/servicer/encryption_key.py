"""agola.configstore.v1.EncryptionKeyService over gRPC."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agola.maintenance.encryption import EncryptedData
from agola.rpc.handlers import Context
from agola.rpc.server import Mount
from agola.wire.encryption_key import keyring_to_pb, progress_to_pb
from generated.agola.configstore.v1 import encryption_key_service_pb2 as pb
from generated.agola.configstore.v1.encryption_key_service_pb2_grpc import (
    EncryptionKeyServiceServicer,
    add_EncryptionKeyServiceServicer_to_server,
)


class EncryptionKeyServicer(EncryptionKeyServiceServicer):
    """Changes the keys of what is kept encrypted."""

    def __init__(self, data: EncryptedData) -> None:
        self._data = data

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["EncryptionKeyService"].full_name
        return Mount(name, lambda server: add_EncryptionKeyServiceServicer_to_server(self, server))

    async def GetKeyring(
        self, request: pb.GetKeyringRequest, context: Context
    ) -> pb.GetKeyringResponse:
        keyring = await self._data.keyring(count=request.count_records)
        return pb.GetKeyringResponse(keyring=keyring_to_pb(keyring))

    async def CreateEncryptionKey(
        self, request: pb.CreateEncryptionKeyRequest, context: Context
    ) -> pb.CreateEncryptionKeyResponse:
        key_id = await self._data.create(instead_of=request.current_key_id)
        return pb.CreateEncryptionKeyResponse(current_key_id=key_id)

    async def RotateEncryptionKeys(
        self, request: pb.RotateEncryptionKeysRequest, context: Context
    ) -> AsyncGenerator[pb.RotateEncryptionKeysResponse, None]:
        async with aclosing(self._data.rotate(request.key_id)) as rotation:
            async for progress in rotation:
                yield pb.RotateEncryptionKeysResponse(progress=progress_to_pb(progress))

    async def DeleteEncryptionKey(
        self, request: pb.DeleteEncryptionKeyRequest, context: Context
    ) -> pb.DeleteEncryptionKeyResponse:
        await self._data.delete(request.key_id, validate_only=request.validate_only)
        return pb.DeleteEncryptionKeyResponse()
