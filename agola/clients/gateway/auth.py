"""Who one is, and whom one talks to."""

import grpc

from agola.model.user import User
from agola.rpc import calls
from agola.wire.gateway.user import user_from_pb
from generated.agola.gateway.v1 import auth_service_pb2 as pb
from generated.agola.gateway.v1.auth_service_pb2_grpc import AuthServiceStub


class AuthClient:
    """Errors: those that AuthService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = AuthServiceStub(channel)

    async def get_current_user(self) -> User:
        """Say whom the token of the channel stands for."""
        answer = await calls.unary(self._stub.GetCurrentUser(pb.GetCurrentUserRequest()))
        return user_from_pb(answer.user)

    async def get_server_version(self) -> str:
        answer = await calls.unary(self._stub.GetServerInfo(pb.GetServerInfoRequest()))
        return answer.version
