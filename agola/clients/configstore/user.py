"""Users and their tokens."""

from collections.abc import Sequence
from datetime import datetime

import grpc

from agola.model.page import Page
from agola.model.user import Identity, IssuedToken, User, UserChange, UserToken
from agola.rpc import calls
from agola.wire import configstore as wire
from agola.wire.timestamp import timestamp_to_pb
from generated.agola.configstore.v1 import user_pb2
from generated.agola.configstore.v1 import user_service_pb2 as pb
from generated.agola.configstore.v1.user_service_pb2_grpc import UserServiceStub


class UserClient:
    """Errors: those that UserService lists."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = UserServiceStub(channel)

    async def create_user(self, name: str, *, admin: bool = False, request_id: str = "") -> User:
        user = user_pb2.User(name=name, admin=admin)
        request = pb.CreateUserRequest(user=user, request_id=request_id)
        response = await calls.unary(self._stub.CreateUser(request))
        return wire.user_from_pb(response.user)

    async def get_user(self, user_ref: str) -> User:
        request = pb.GetUserRequest(user_ref=user_ref)
        response = await calls.unary(self._stub.GetUser(request))
        return wire.user_from_pb(response.user)

    async def list_users(
        self, *, page_size: int = 0, page_token: str = "", descending: bool = False
    ) -> Page[User]:
        request = pb.ListUsersRequest(
            page_size=page_size, page_token=page_token, descending=descending
        )
        response = await calls.unary(self._stub.ListUsers(request))
        return Page(tuple(map(wire.user_from_pb, response.users)), response.next_page_token)

    async def update_user(self, user_ref: str, change: UserChange, *, etag: str = "") -> User:
        request = wire.user_change_to_pb(user_ref, change, etag=etag)
        response = await calls.unary(self._stub.UpdateUser(request))
        return wire.user_from_pb(response.user)

    async def delete_user(
        self, user_ref: str, *, etag: str = "", allow_missing: bool = False
    ) -> None:
        request = pb.DeleteUserRequest(user_ref=user_ref, etag=etag, allow_missing=allow_missing)
        await calls.unary(self._stub.DeleteUser(request))

    async def create_user_token(
        self,
        user_ref: str,
        name: str,
        *,
        scopes: Sequence[str] = (),
        expire_time: datetime | None = None,
        request_id: str = "",
    ) -> IssuedToken:
        request = pb.CreateUserTokenRequest(
            user_ref=user_ref,
            name=name,
            scopes=scopes,
            expire_time=timestamp_to_pb(expire_time),
            request_id=request_id,
        )
        response = await calls.unary(self._stub.CreateUserToken(request))
        return IssuedToken(wire.user_token_from_pb(response.user_token), response.token)

    async def list_user_tokens(
        self, user_ref: str, *, page_size: int = 0, page_token: str = ""
    ) -> Page[UserToken]:
        request = pb.ListUserTokensRequest(
            user_ref=user_ref, page_size=page_size, page_token=page_token
        )
        response = await calls.unary(self._stub.ListUserTokens(request))
        tokens = tuple(map(wire.user_token_from_pb, response.user_tokens))
        return Page(tokens, response.next_page_token)

    async def delete_user_token(self, user_ref: str, name: str) -> None:
        request = pb.DeleteUserTokenRequest(user_ref=user_ref, name=name)
        await calls.unary(self._stub.DeleteUserToken(request))

    async def authenticate_token(self, token: str) -> Identity:
        """Say who presents the value of a token.  UnauthorizedError."""
        request = pb.AuthenticateTokenRequest(token=token)
        return wire.identity_from_pb(await calls.unary(self._stub.AuthenticateToken(request)))
