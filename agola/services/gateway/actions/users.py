"""Users and their tokens."""

from datetime import datetime

from agola.model.page import Page
from agola.model.user import IssuedToken, User, UserChange, UserID, UserToken
from agola.rpc.context import Principal
from agola.services.gateway.actions.authorization import (
    READ,
    WRITE,
    require_admin,
    require_no_more,
    require_scope,
    require_self_or_admin,
)
from agola.services.gateway.ports.user import UserNames, Users, UserTokens


class UserActions:
    """Shows users to everybody, and lets administrators change them."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def current(self, principal: Principal) -> User:
        """Give the caller."""
        return await self._users.get_user(principal.user_id)

    async def get(self, principal: Principal, user_ref: str) -> User:
        """Give a user; of others, only administrators get more than the id and the name."""
        require_scope(principal, "user", READ)
        user = await self._users.get_user(user_ref)
        if principal.admin or user.id == principal.user_id:
            return user
        return User(id=user.id, name=user.name)

    async def list(
        self, principal: Principal, *, page_size: int, page_token: str, descending: bool
    ) -> Page[User]:
        require_scope(principal, "admin", READ)
        require_admin(principal)
        return await self._users.list_users(
            page_size=page_size, page_token=page_token, descending=descending
        )

    async def create(
        self, principal: Principal, name: str, *, admin: bool, request_id: str
    ) -> User:
        require_scope(principal, "admin", WRITE)
        require_admin(principal)
        return await self._users.create_user(name, admin=admin, request_id=request_id)

    async def update(
        self, principal: Principal, user_ref: str, change: UserChange, *, etag: str
    ) -> User:
        require_scope(principal, "admin", WRITE)
        require_admin(principal)
        return await self._users.update_user(user_ref, change, etag=etag)

    async def delete(
        self, principal: Principal, user_ref: str, *, etag: str, allow_missing: bool
    ) -> None:
        require_scope(principal, "admin", WRITE)
        require_admin(principal)
        await self._users.delete_user(user_ref, etag=etag, allow_missing=allow_missing)


class UserTokenActions:
    """Lets everybody manage their own tokens, and administrators those of others."""

    def __init__(self, users: UserNames, tokens: UserTokens) -> None:
        self._users = users
        self._tokens = tokens

    async def create(
        self,
        principal: Principal,
        name: str,
        *,
        user_ref: str,
        scopes: tuple[str, ...],
        expire_time: datetime | None,
        request_id: str,
    ) -> IssuedToken:
        require_scope(principal, "user", WRITE)
        require_no_more(principal, scopes)
        return await self._tokens.create_user_token(
            await self._owner(principal, user_ref),
            name,
            scopes=scopes,
            expire_time=expire_time,
            request_id=request_id,
        )

    async def list(
        self, principal: Principal, *, user_ref: str, page_size: int, page_token: str
    ) -> Page[UserToken]:
        require_scope(principal, "user", READ)
        owner = await self._owner(principal, user_ref)
        return await self._tokens.list_user_tokens(
            owner, page_size=page_size, page_token=page_token
        )

    async def delete(self, principal: Principal, name: str, *, user_ref: str) -> None:
        require_scope(principal, "user", WRITE)
        await self._tokens.delete_user_token(await self._owner(principal, user_ref), name)

    async def _owner(self, principal: Principal, user_ref: str) -> UserID:
        return await owner(principal, user_ref, self._users)


async def owner(principal: Principal, user_ref: str, users: UserNames) -> UserID:
    """Say whose things a ref means (empty: the caller's), if the caller may touch them.

    NotExistError: USER_DOES_NOT_EXIST.  ForbiddenError: ADMIN_REQUIRED.
    """
    if user_ref in ("", principal.user_id):
        return UserID(principal.user_id)
    user = await users.get_user(user_ref)
    require_self_or_admin(principal, user.id)
    return user.id
