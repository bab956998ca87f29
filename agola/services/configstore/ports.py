"""What the configstore needs from the outside."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from agola.model.project_group import ProjectGroup
from agola.model.user import Identity, User, UserID, UserToken, UserTokenID

Noun: TypeAlias = User | UserToken | ProjectGroup


class Decision(Protocol):
    """What a decision changes.  Nothing happens before its block ends, then everything at once."""

    def put(self, noun: Noun) -> None: ...

    def delete(self, noun: Noun) -> None: ...


class Store(Protocol):
    """Where objects are kept.  Reads see every write that was answered here."""

    def deciding(self, *names: str) -> AbstractAsyncContextManager[Decision]:
        """Decide something about *names*: all reads in the block see them as they are now.

        ConcurrencyError (`CHANGE_GROUP_CHANGED`) at its end when somebody else decided about one
        of them meanwhile: then nothing was changed.
        """

    async def user(self, user_id: UserID) -> User | None: ...

    async def user_named(self, name: str) -> User | None: ...

    async def user_requested(self, request_id: str) -> User | None:
        """Find the user that a call created."""

    async def users(self, *, after: str, limit: int, descending: bool) -> Sequence[User]:
        """Read users by name, behind the name *after* if there is one."""

    async def token(self, token_id: UserTokenID) -> UserToken | None: ...

    async def token_named(self, user_id: UserID, name: str) -> UserToken | None: ...

    async def token_requested(self, user_id: UserID, request_id: str) -> UserToken | None: ...

    async def tokens(self, user_id: UserID, *, after: str, limit: int) -> Sequence[UserToken]:
        """Read the tokens of a user by name, behind the name *after*.  0 is no limit."""

    async def identity(self, digest: str) -> Identity | None:
        """Say whom the token with this digest stands for."""

    async def root_group(self, user_id: UserID) -> ProjectGroup | None: ...
