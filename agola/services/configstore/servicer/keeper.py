"""agola.configstore.v1.UserService in maintenance mode, which knows the keepers only."""

import grpc

from agola.model.maintenance import MaintainedService
from agola.rpc.handlers import Context
from agola.rpc.maintenance import refusing
from agola.rpc.server import Mount
from agola.services.configstore.actions.maintenance import KeeperActions
from agola.wire import configstore as wire
from generated.agola.configstore.v1 import user_service_pb2 as pb


class KeeperServicer:
    """Answers AuthenticateToken, and refuses all other calls."""

    def __init__(self, keepers: KeeperActions) -> None:
        self._keepers = keepers

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["UserService"].full_name
        authenticate = grpc.unary_unary_rpc_method_handler(
            self.AuthenticateToken,
            request_deserializer=pb.AuthenticateTokenRequest.FromString,
            response_serializer=pb.AuthenticateTokenResponse.SerializeToString,
        )
        closed = MaintainedService.CONFIGSTORE.closed
        return refusing(name, closed, answering={"AuthenticateToken": authenticate})

    async def AuthenticateToken(
        self, request: pb.AuthenticateTokenRequest, context: Context
    ) -> pb.AuthenticateTokenResponse:
        return wire.identity_to_pb(await self._keepers.authenticate(request.token))
