"""What can be done with users."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from agola.core.clock import Clock
from agola.core.errors import AlreadyExistsError, BadRequestError, NotExistError
from agola.core.ids import Ids
from agola.model.project_group import Owner, OwnerKind, ProjectGroup, ProjectGroupID
from agola.model.user import (
    NAME_RULE,
    User,
    UserChange,
    UserID,
    UserToken,
    UserTokenID,
    is_id,
    is_name,
    shortened,
    token_digest,
)
from agola.services.configstore.actions.deciding import check_etag, check_request_id, decide
from agola.services.configstore.ports import Decision, Store

ADMIN_NAME = "admin"


class UserActions:
    """Users, each with the root of a tree of project groups."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def create_user(self, name: str, *, admin: bool = False, request_id: str = "") -> User:
        _check_name(name)
        check_request_id(request_id)

        async def attempt() -> User:
            async with self._store.deciding(*_name_groups(name, request_id)) as decision:
                if request_id and (known := await self._store.user_requested(request_id)):
                    return known
                await self._check_free(name)
                return self._add(decision, name, admin=admin, request_id=request_id)

        return await decide(attempt)

    async def get_user(self, user_ref: str) -> User:
        """Find a user by id or name.  BadRequestError, NotExistError."""
        if not user_ref:
            raise BadRequestError("a user is required", reason="USER_REF_REQUIRED")
        if is_id(user_ref):
            user = await self._store.user(UserID(user_ref))
        else:
            user = await self._store.user_named(user_ref)
        if user is None:
            message = f"user {shortened(user_ref)!r} does not exist"
            raise NotExistError(message, reason="USER_DOES_NOT_EXIST", userRef=shortened(user_ref))
        return user

    async def list_users(self, *, after: str, limit: int, descending: bool) -> Sequence[User]:
        return await self._store.users(after=after, limit=limit, descending=descending)

    async def update_user(self, user_ref: str, change: UserChange, *, etag: str = "") -> User:
        user_id = (await self.get_user(user_ref)).id
        if change.name is not None:
            _check_name(change.name)

        async def attempt() -> User:
            names = _name_groups(change.name) if change.name else []
            async with self._store.deciding(user_group(user_id), *names) as decision:
                user = await self.get_user(user_id)
                check_etag(etag, user.etag)
                return await self._change(decision, user, change)

        return await decide(attempt)

    async def delete_user(
        self, user_ref: str, *, etag: str = "", allow_missing: bool = False
    ) -> None:
        try:
            user_id = (await self.get_user(user_ref)).id
            await decide(lambda: self._delete(user_id, etag))
        except NotExistError:
            if not allow_missing:
                raise

    async def has_users(self) -> bool:
        return bool(await self._store.users(after="", limit=1, descending=False))

    async def ensure_admin(self, token_value: str) -> None:
        """Where there is no user at all, create an administrator with a token of this value."""

        async def attempt() -> None:
            async with self._store.deciding(*_name_groups(ADMIN_NAME)) as decision:
                if await self.has_users():
                    return
                admin = self._add(decision, ADMIN_NAME, admin=True, request_id="")
                token = UserToken(
                    id=UserTokenID(self._ids.uuid()),
                    user_id=admin.id,
                    name=ADMIN_NAME,
                    create_time=admin.create_time,
                    digest=token_digest(token_value),
                )
                decision.put(token)

        await decide(attempt)

    def _add(self, decision: Decision, name: str, *, admin: bool, request_id: str) -> User:
        now = self._clock.now()
        user = User(
            id=UserID(self._ids.uuid()),
            name=name,
            admin=admin,
            create_time=now,
            update_time=now,
            etag=self._ids.uuid(),
            request_id=request_id,
        )
        decision.put(user)
        decision.put(self._root_group(user.id, now))
        return user

    def _root_group(self, user_id: UserID, now: datetime) -> ProjectGroup:
        return ProjectGroup(
            id=ProjectGroupID(self._ids.uuid()),
            owner=Owner(kind=OwnerKind.USER, id=user_id),
            create_time=now,
            update_time=now,
            etag=self._ids.uuid(),
        )

    async def _change(self, decision: Decision, user: User, change: UserChange) -> User:
        if change.name is not None and change.name != user.name:
            await self._check_free(change.name)
        changed = msgspec.structs.replace(
            user,
            name=user.name if change.name is None else change.name,
            admin=user.admin if change.admin is None else change.admin,
            update_time=self._clock.now(),
            etag=self._ids.uuid(),
        )
        decision.put(changed)
        return changed

    async def _delete(self, user_id: UserID, etag: str) -> None:
        async with self._store.deciding(user_group(user_id)) as decision:
            user = await self.get_user(user_id)
            check_etag(etag, user.etag)
            for token in await self._store.tokens(user_id, after="", limit=0):
                decision.delete(token)
            if root := await self._store.root_group(user_id):
                decision.delete(root)
            decision.delete(user)

    async def _check_free(self, name: str) -> None:
        if await self._store.user_named(name):
            message = f"there is a user {name!r} already"
            raise AlreadyExistsError(message, reason="USER_ALREADY_EXISTS", name=name)


def user_group(user_id: UserID) -> str:
    """Name what decisions about a user and their tokens have in common."""
    return f"user/{user_id}"


def _name_groups(name: str, request_id: str = "") -> list[str]:
    return [f"username/{name}", *([f"request/{request_id}"] if request_id else [])]


def _check_name(name: str) -> None:
    if not is_name(name):
        message = f"{shortened(name)!r} cannot be the name of a user: {NAME_RULE}"
        raise BadRequestError(message, reason="USER_NAME_INVALID", name=shortened(name))
