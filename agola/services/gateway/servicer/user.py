"""UserService."""

from agola.core.errors import BadRequestError
from agola.rpc.context import principal
from agola.rpc.handlers import Context
from agola.services.gateway.actions.users import UserActions, UserTokenActions
from agola.wire.gateway.user import (
    issued_token_to_pb,
    user_change_from_pb,
    user_to_pb,
    user_token_to_pb,
)
from agola.wire.timestamp import timestamp_from_pb
from generated.agola.gateway.v1 import user_service_pb2 as pb
from generated.agola.gateway.v1.user_service_pb2_grpc import UserServiceServicer


class UserServicer(UserServiceServicer):
    """Users and their tokens."""

    def __init__(self, users: UserActions, tokens: UserTokenActions) -> None:
        self._users = users
        self._tokens = tokens

    async def CreateUser(
        self, request: pb.CreateUserRequest, context: Context
    ) -> pb.CreateUserResponse:
        _require_user(request)
        user = await self._users.create(
            principal(),
            request.user.name,
            admin=request.user.admin,
            request_id=request.request_id,
        )
        return pb.CreateUserResponse(user=user_to_pb(user))

    async def GetUser(self, request: pb.GetUserRequest, context: Context) -> pb.GetUserResponse:
        user = await self._users.get(principal(), request.user_ref)
        return pb.GetUserResponse(user=user_to_pb(user))

    async def ListUsers(
        self, request: pb.ListUsersRequest, context: Context
    ) -> pb.ListUsersResponse:
        page = await self._users.list(
            principal(),
            page_size=request.page_size,
            page_token=request.page_token,
            descending=request.descending,
        )
        return pb.ListUsersResponse(
            users=[user_to_pb(user) for user in page.items], next_page_token=page.next_token
        )

    async def UpdateUser(
        self, request: pb.UpdateUserRequest, context: Context
    ) -> pb.UpdateUserResponse:
        _require_user(request)
        user = await self._users.update(
            principal(), request.user_ref, user_change_from_pb(request), etag=request.user.etag
        )
        return pb.UpdateUserResponse(user=user_to_pb(user))

    async def DeleteUser(
        self, request: pb.DeleteUserRequest, context: Context
    ) -> pb.DeleteUserResponse:
        await self._users.delete(
            principal(),
            request.user_ref,
            etag=request.etag,
            allow_missing=request.allow_missing,
        )
        return pb.DeleteUserResponse()

    async def CreateUserToken(
        self, request: pb.CreateUserTokenRequest, context: Context
    ) -> pb.CreateUserTokenResponse:
        issued = await self._tokens.create(
            principal(),
            request.name,
            user_ref=request.user_ref,
            scopes=tuple(request.scopes),
            expire_time=timestamp_from_pb(request, "expire_time"),
            request_id=request.request_id,
        )
        return issued_token_to_pb(issued)

    async def ListUserTokens(
        self, request: pb.ListUserTokensRequest, context: Context
    ) -> pb.ListUserTokensResponse:
        page = await self._tokens.list(
            principal(),
            user_ref=request.user_ref,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListUserTokensResponse(
            user_tokens=[user_token_to_pb(token) for token in page.items],
            next_page_token=page.next_token,
        )

    async def DeleteUserToken(
        self, request: pb.DeleteUserTokenRequest, context: Context
    ) -> pb.DeleteUserTokenResponse:
        await self._tokens.delete(principal(), request.name, user_ref=request.user_ref)
        return pb.DeleteUserTokenResponse()


def _require_user(request: pb.CreateUserRequest | pb.UpdateUserRequest) -> None:
    if not request.HasField("user"):
        raise BadRequestError("the user is missing", reason="USER_REQUIRED")
