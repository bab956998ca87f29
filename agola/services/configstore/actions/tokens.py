"""What can be done with the tokens of users."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import msgspec

from agola.core.clock import Clock
from agola.core.errors import (
    AgolaError,
    AlreadyExistsError,
    BadRequestError,
    NotExistError,
    UnauthorizedError,
)
from agola.core.ids import Ids
from agola.model.user import (
    MAX_SCOPES,
    NAME_RULE,
    TOKEN_PREFIX,
    Identity,
    IssuedToken,
    UserID,
    UserToken,
    UserTokenID,
    is_name,
    is_scope,
    shortened,
    token_digest,
)
from agola.services.configstore.actions.deciding import check_request_id, decide
from agola.services.configstore.actions.users import UserActions, user_group
from agola.services.configstore.ports import Store

logger = logging.getLogger(__name__)


class TokenActions:
    """Tokens: made, listed, revoked, and recognized."""

    def __init__(self, store: Store, users: UserActions, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._users = users
        self._clock = clock
        self._ids = ids
        self._uses: dict[UserTokenID, datetime] = {}
        self._used = asyncio.Event()

    async def create_token(
        self,
        user_ref: str,
        name: str,
        *,
        scopes: Sequence[str] = (),
        expire_time: datetime | None = None,
        request_id: str = "",
    ) -> IssuedToken:
        """Make a token, or a new value for the one that the same request made before."""
        self._check(name, scopes, expire_time)
        check_request_id(request_id)
        user_id = (await self._users.get_user(user_ref)).id
        value = TOKEN_PREFIX + self._ids.token()
        wanted = UserToken(
            id=UserTokenID(self._ids.uuid()),
            user_id=user_id,
            name=name,
            scopes=tuple(scopes),
            create_time=self._clock.now(),
            expire_time=expire_time,
            digest=token_digest(value),
            request_id=request_id,
        )
        return IssuedToken(await decide(lambda: self._create(wanted)), value)

    async def list_tokens(self, user_ref: str, *, after: str, limit: int) -> Sequence[UserToken]:
        user = await self._users.get_user(user_ref)
        return await self._store.tokens(user.id, after=after, limit=limit)

    async def delete_token(self, user_ref: str, name: str) -> None:
        if not name:
            raise BadRequestError("a token's name is required", reason="USER_TOKEN_NAME_REQUIRED")
        user_id = (await self._users.get_user(user_ref)).id
        await decide(lambda: self._delete(user_id, name))

    async def authenticate(self, value: str) -> Identity:
        """Say who presents a value.  UnauthorizedError: `TOKEN_INVALID`, `TOKEN_EXPIRED`."""
        identity = await self._store.identity(token_digest(value))
        if identity is None:
            raise UnauthorizedError("the token is not valid", reason="TOKEN_INVALID")
        now = self._clock.now()
        check_unexpired(identity.token, now)
        self._note_use(identity.token, now.replace(minute=0, second=0, microsecond=0))
        return identity

    async def record_uses(self) -> None:
        """Write down when tokens were used, for ever: nobody who presents one waits for that."""
        while True:
            await self._used.wait()
            self._used.clear()
            uses, self._uses = self._uses, {}
            for token_id, hour in uses.items():
                try:
                    await decide(partial(self._record, token_id, hour))
                except AgolaError:  # the next use is as good
                    logger.warning("the use of token %s was not recorded", token_id, exc_info=True)

    def _note_use(self, token: UserToken, hour: datetime) -> None:
        if token.last_use_time is None or token.last_use_time < hour:
            self._uses[token.id] = hour
            self._used.set()

    async def _record(self, token_id: UserTokenID, hour: datetime) -> None:
        known = await self._store.token(token_id)
        if known is None:
            return
        async with self._store.deciding(user_group(known.user_id)) as decision:
            token = await self._store.token(token_id)
            if token and (token.last_use_time is None or token.last_use_time < hour):
                decision.put(msgspec.structs.replace(token, last_use_time=hour))

    async def _create(self, wanted: UserToken) -> UserToken:
        user_id, request_id = wanted.user_id, wanted.request_id
        async with self._store.deciding(user_group(user_id)) as decision:
            await self._users.get_user(user_id)  # still there
            token = request_id and await self._store.token_requested(user_id, request_id)
            if token:
                token = msgspec.structs.replace(token, digest=wanted.digest)
            elif await self._store.token_named(user_id, wanted.name):
                message = f"the user has a token {wanted.name!r} already"
                raise AlreadyExistsError(
                    message, reason="USER_TOKEN_ALREADY_EXISTS", name=wanted.name
                )
            token = token or wanted
            decision.put(token)
            return token

    async def _delete(self, user_id: UserID, name: str) -> None:
        async with self._store.deciding(user_group(user_id)) as decision:
            token = await self._store.token_named(user_id, name)
            if token is None:
                message = f"the user has no token {shortened(name)!r}"
                raise NotExistError(
                    message, reason="USER_TOKEN_DOES_NOT_EXIST", name=shortened(name)
                )
            decision.delete(token)

    def _check(self, name: str, scopes: Sequence[str], expire_time: datetime | None) -> None:
        if not is_name(name):
            message = f"{shortened(name)!r} cannot be the name of a token: {NAME_RULE}"
            raise BadRequestError(message, reason="USER_TOKEN_NAME_INVALID", name=shortened(name))
        wrong = [scope for scope in scopes if not is_scope(scope)]
        if wrong or len(scopes) > MAX_SCOPES:
            scope = shortened(wrong[0]) if wrong else ""
            message = f"{scope!r} is no scope" if wrong else f"more than {MAX_SCOPES} scopes"
            raise BadRequestError(message, reason="USER_TOKEN_SCOPE_INVALID", scope=scope)
        if expire_time is not None and expire_time <= self._clock.now():
            message = f"the token would have expired already, at {expire_time}"
            raise BadRequestError(
                message, reason="USER_TOKEN_EXPIRE_TIME_INVALID", expireTime=str(expire_time)
            )


def check_unexpired(token: UserToken, now: datetime) -> None:
    """UnauthorizedError: `TOKEN_EXPIRED`."""
    if token.expire_time is not None and token.expire_time <= now:
        raise UnauthorizedError("the token has expired", reason="TOKEN_EXPIRED")
