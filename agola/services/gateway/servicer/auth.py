"""AuthService."""

from agola import __version__
from agola.rpc.context import principal
from agola.rpc.handlers import Context
from agola.services.gateway.actions.users import UserActions
from agola.wire.gateway.user import user_to_pb
from generated.agola.gateway.v1 import auth_service_pb2 as pb
from generated.agola.gateway.v1.auth_service_pb2_grpc import AuthServiceServicer


class AuthServicer(AuthServiceServicer):
    """Says who the caller is, and whom they talk to."""

    def __init__(self, users: UserActions) -> None:
        self._users = users

    async def GetCurrentUser(
        self, request: pb.GetCurrentUserRequest, context: Context
    ) -> pb.GetCurrentUserResponse:
        user = await self._users.current(principal())
        return pb.GetCurrentUserResponse(user=user_to_pb(user), scopes=principal().scopes)

    async def GetServerInfo(
        self, request: pb.GetServerInfoRequest, context: Context
    ) -> pb.GetServerInfoResponse:
        return pb.GetServerInfoResponse(version=__version__)
