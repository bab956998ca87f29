"""A configstore that knows tokens and nothing else."""

from collections.abc import Mapping

from agola.core.errors import UnauthorizedError
from agola.rpc.handlers import Context
from agola.rpc.server import Mount
from generated.agola.configstore.v1 import user_pb2
from generated.agola.configstore.v1 import user_service_pb2 as pb
from generated.agola.configstore.v1.user_service_pb2_grpc import (
    UserServiceServicer,
    add_UserServiceServicer_to_server,
)


class FakeUserTokens(UserServiceServicer):
    """Says whose a token is; gets the user ids by token."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = users

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["UserService"].full_name
        return Mount(name, lambda server: add_UserServiceServicer_to_server(self, server))

    async def AuthenticateToken(
        self, request: pb.AuthenticateTokenRequest, context: Context
    ) -> pb.AuthenticateTokenResponse:
        if request.token not in self._users:
            raise UnauthorizedError("the token is not valid", reason="TOKEN_INVALID")
        user = user_pb2.User(id=self._users[request.token], name="alice")
        return pb.AuthenticateTokenResponse(user=user)
