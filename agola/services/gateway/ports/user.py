"""Users and their tokens, as the configstore keeps them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from agola.model.page import Page
from agola.model.user import Identity, IssuedToken, User, UserChange, UserToken


class Identities(Protocol):
    """Knows whom tokens stand for."""

    async def authenticate_token(self, token: str) -> Identity:
        """Say who presents a token.  UnauthorizedError: TOKEN_INVALID, TOKEN_EXPIRED."""


class Users(Protocol):
    """Keeps users and tokens.  A ref is an id or a name; NotExistError: USER_DOES_NOT_EXIST."""

    async def create_user(
        self, name: str, *, admin: bool = False, request_id: str = ""
    ) -> User: ...

    async def get_user(self, user_ref: str) -> User: ...

    async def list_users(
        self, *, page_size: int = 0, page_token: str = "", descending: bool = False
    ) -> Page[User]: ...

    async def update_user(self, user_ref: str, change: UserChange, *, etag: str = "") -> User: ...

    async def delete_user(
        self, user_ref: str, *, etag: str = "", allow_missing: bool = False
    ) -> None: ...


class UserTokens(Protocol):
    """Keeps the tokens of users."""

    async def create_user_token(
        self,
        user_ref: str,
        name: str,
        *,
        scopes: Sequence[str] = (),
        expire_time: datetime | None = None,
        request_id: str = "",
    ) -> IssuedToken: ...

    async def list_user_tokens(
        self, user_ref: str, *, page_size: int = 0, page_token: str = ""
    ) -> Page[UserToken]: ...

    async def delete_user_token(self, user_ref: str, name: str) -> None: ...


class UserNames(Protocol):
    """Finds users by what people call them."""

    async def get_user(self, user_ref: str) -> User:
        """NotExistError: USER_DOES_NOT_EXIST."""
