"""Users in memory."""

from collections.abc import Sequence
from datetime import datetime

from agola.core.errors import NotExistError, UnauthorizedError, UnavailableError
from agola.model.page import Page
from agola.model.user import (
    Identity,
    IssuedToken,
    User,
    UserChange,
    UserID,
    UserToken,
    UserTokenID,
)

ADMIN = User(id=UserID("00000000-0000-4000-8000-000000000000"), name="admin", admin=True)
ALICE = User(id=UserID("11111111-1111-4111-8111-111111111111"), name="alice", etag="7")
BOB = User(id=UserID("22222222-2222-4222-8222-222222222222"), name="bob", etag="8")


class MemoryUsers:
    """`Users`, `UserTokens` and `Identities`; everybody has a token that is called like them."""

    def __init__(self) -> None:
        self.users = {user.id: user for user in (ADMIN, ALICE, BOB)}
        self.tokens: dict[str, UserToken] = {}
        for user in self.users.values():
            self.add_token(user, user.name)
        self.asked = 0
        """How often somebody asked whom a token stands for."""
        self.gone = False

    def add_token(
        self, user: User, value: str, *, scopes: Sequence[str] = (), expire: datetime | None = None
    ) -> None:
        self.tokens[value] = UserToken(
            id=UserTokenID(value),
            user_id=user.id,
            name=value,
            scopes=tuple(scopes),
            expire_time=expire,
        )

    async def authenticate_token(self, token: str) -> Identity:
        self.asked += 1
        if self.gone:
            raise UnavailableError("the configstore does not answer", reason="UNREACHABLE")
        if token not in self.tokens:
            raise UnauthorizedError("the token is not valid", reason="TOKEN_INVALID")
        found = self.tokens[token]
        return Identity(self.users[found.user_id], found)

    async def get_user(self, user_ref: str) -> User:
        for user in self.users.values():
            if user_ref in (user.id, user.name):
                return user
        raise NotExistError(
            f"user {user_ref!r} doesn't exist", reason="USER_DOES_NOT_EXIST", userRef=user_ref
        )

    async def list_users(
        self, *, page_size: int = 0, page_token: str = "", descending: bool = False
    ) -> Page[User]:
        found = sorted(self.users.values(), key=lambda user: user.name, reverse=descending)
        return Page(tuple(found)[: page_size or 50], "more" if page_size else "")

    async def create_user(self, name: str, *, admin: bool = False, request_id: str = "") -> User:
        user = User(
            id=UserID("33333333-3333-4333-8333-333333333333"),
            name=name,
            admin=admin,
        )
        self.users[user.id] = user
        return user

    async def update_user(self, user_ref: str, change: UserChange, *, etag: str = "") -> User:
        old = await self.get_user(user_ref)
        self.users[old.id] = User(id=old.id, name=change.name or old.name, etag=etag + "+")
        return self.users[old.id]

    async def delete_user(
        self, user_ref: str, *, etag: str = "", allow_missing: bool = False
    ) -> None:
        del self.users[(await self.get_user(user_ref)).id]

    async def create_user_token(
        self,
        user_ref: str,
        name: str,
        *,
        scopes: Sequence[str] = (),
        expire_time: datetime | None = None,
        request_id: str = "",
    ) -> IssuedToken:
        self.add_token(await self.get_user(user_ref), name, scopes=scopes, expire=expire_time)
        return IssuedToken(self.tokens[name], name)

    async def list_user_tokens(
        self, user_ref: str, *, page_size: int = 0, page_token: str = ""
    ) -> Page[UserToken]:
        owner = (await self.get_user(user_ref)).id
        return Page(tuple(token for token in self.tokens.values() if token.user_id == owner))

    async def delete_user_token(self, user_ref: str, name: str) -> None:
        del self.tokens[name]
