"""agola.configstore.v1.UserService over gRPC."""

from agola.core.errors import BadRequestError, UnimplementedError
from agola.rpc.handlers import Context
from agola.rpc.paging import decode_token, encode_token, page_size
from agola.rpc.server import Mount
from agola.services.configstore.actions.tokens import TokenActions
from agola.services.configstore.actions.users import UserActions
from agola.wire import configstore as wire
from agola.wire.timestamp import timestamp_from_pb
from generated.agola.configstore.v1 import user_service_pb2 as pb
from generated.agola.configstore.v1.user_service_pb2_grpc import (
    UserServiceServicer,
    add_UserServiceServicer_to_server,
)


class UserServicer(UserServiceServicer):
    """Serves users and their tokens."""

    def __init__(self, users: UserActions, tokens: TokenActions) -> None:
        self._users = users
        self._tokens = tokens

    def mount(self) -> Mount:
        name = pb.DESCRIPTOR.services_by_name["UserService"].full_name
        return Mount(name, lambda server: add_UserServiceServicer_to_server(self, server))

    async def CreateUser(
        self, request: pb.CreateUserRequest, context: Context
    ) -> pb.CreateUserResponse:
        if request.HasField("linked_account"):
            raise _later("creating a user with a linked account")
        if not request.HasField("user"):
            raise BadRequestError("a user is required", reason="USER_REQUIRED")
        user = await self._users.create_user(
            request.user.name, admin=request.user.admin, request_id=request.request_id
        )
        return pb.CreateUserResponse(user=wire.user_to_pb(user))

    async def GetUser(self, request: pb.GetUserRequest, context: Context) -> pb.GetUserResponse:
        if request.WhichOneof("by") in {"linked_account_id", "remote_user"}:
            raise _later("finding a user by an account elsewhere")
        user = await self._users.get_user(request.user_ref)
        return pb.GetUserResponse(user=wire.user_to_pb(user))

    async def ListUsers(
        self, request: pb.ListUsersRequest, context: Context
    ) -> pb.ListUsersResponse:
        size = page_size(request.page_size)
        query = ("users", str(request.descending))
        after = decode_token(request.page_token, query=query)
        users = await self._users.list_users(
            after=after, limit=size + 1, descending=request.descending
        )
        more = len(users) > size
        return pb.ListUsersResponse(
            users=map(wire.user_to_pb, users[:size]),
            next_page_token=encode_token(users[size - 1].name, query=query) if more else "",
        )

    async def UpdateUser(
        self, request: pb.UpdateUserRequest, context: Context
    ) -> pb.UpdateUserResponse:
        if not request.HasField("user"):
            raise BadRequestError("a user is required", reason="USER_REQUIRED")
        change = wire.user_change_from_pb(request)
        user = await self._users.update_user(request.user_ref, change, etag=request.user.etag)
        return pb.UpdateUserResponse(user=wire.user_to_pb(user))

    async def DeleteUser(
        self, request: pb.DeleteUserRequest, context: Context
    ) -> pb.DeleteUserResponse:
        await self._users.delete_user(
            request.user_ref, etag=request.etag, allow_missing=request.allow_missing
        )
        return pb.DeleteUserResponse()

    async def CreateUserToken(
        self, request: pb.CreateUserTokenRequest, context: Context
    ) -> pb.CreateUserTokenResponse:
        issued = await self._tokens.create_token(
            request.user_ref,
            request.name,
            scopes=request.scopes,
            expire_time=timestamp_from_pb(request, "expire_time"),
            request_id=request.request_id,
        )
        token = wire.user_token_to_pb(issued.token)
        return pb.CreateUserTokenResponse(user_token=token, token=issued.value)

    async def ListUserTokens(
        self, request: pb.ListUserTokensRequest, context: Context
    ) -> pb.ListUserTokensResponse:
        size = page_size(request.page_size)
        query = ("usertokens", request.user_ref)
        after = decode_token(request.page_token, query=query)
        tokens = await self._tokens.list_tokens(request.user_ref, after=after, limit=size + 1)
        more = len(tokens) > size
        return pb.ListUserTokensResponse(
            user_tokens=map(wire.user_token_to_pb, tokens[:size]),
            next_page_token=encode_token(tokens[size - 1].name, query=query) if more else "",
        )

    async def DeleteUserToken(
        self, request: pb.DeleteUserTokenRequest, context: Context
    ) -> pb.DeleteUserTokenResponse:
        await self._tokens.delete_token(request.user_ref, request.name)
        return pb.DeleteUserTokenResponse()

    async def AuthenticateToken(
        self, request: pb.AuthenticateTokenRequest, context: Context
    ) -> pb.AuthenticateTokenResponse:
        return wire.identity_to_pb(await self._tokens.authenticate(request.token))


def _later(what: str) -> UnimplementedError:
    return UnimplementedError(f"{what} is not possible yet", reason="NOT_YET_IMPLEMENTED")
