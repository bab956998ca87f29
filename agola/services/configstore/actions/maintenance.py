"""Setting the configstore aside, in a way that somebody can still open it again."""

from agola.core.clock import Clock
from agola.core.errors import NotExistError
from agola.maintenance.flag import MaintenanceFlag
from agola.model.maintenance import MaintainedService, MaintenanceStatus
from agola.model.user import Identity, UserTokenID, token_digest
from agola.services.configstore.actions.tokens import check_unexpired
from agola.services.configstore.ports import Store


class MaintenanceActions:
    """Asks for maintenance mode and for its end.

    In maintenance mode itself there is no store, and nobody can become a keeper.
    """

    def __init__(self, flag: MaintenanceFlag, store: Store | None = None) -> None:
        self._flag = flag
        self._store = store

    async def status(self) -> MaintenanceStatus:
        return await self._flag.status()

    async def enable(self, user_token_id: UserTokenID) -> MaintenanceStatus:
        """Ask for maintenance mode; the token with this id, if any, shall work in it.

        NotExistError: `USER_TOKEN_DOES_NOT_EXIST`.
        """
        await self._flag.enable(await self._keeper(user_token_id))
        return await self._flag.status()

    async def disable(self) -> MaintenanceStatus:
        await self._flag.disable()
        return await self._flag.status()

    async def _keeper(self, user_token_id: UserTokenID) -> Identity | None:
        if self._store is None or not user_token_id:
            return None
        token = await self._store.token(user_token_id)
        user = await self._store.user(token.user_id) if token else None
        if token is None or user is None:
            message = f"there is no token with the id {user_token_id!r}"
            raise NotExistError(message, reason="USER_TOKEN_DOES_NOT_EXIST", tokenId=user_token_id)
        return Identity(user, token)


class KeeperActions:
    """Knows the tokens of those who asked for maintenance mode, and no others."""

    def __init__(self, flag: MaintenanceFlag, clock: Clock) -> None:
        self._flag = flag
        self._clock = clock

    async def authenticate(self, value: str) -> Identity:
        """Say who presents a value.

        UnauthorizedError: `TOKEN_EXPIRED`.  UnavailableError: `MAINTENANCE`, for all others: who
        they are nobody can look up.
        """
        request, digest = await self._flag.request(), token_digest(value)
        for keeper in request.keepers if request else ():
            if keeper.token.digest == digest:
                check_unexpired(keeper.token, self._clock.now())
                return keeper
        raise MaintainedService.CONFIGSTORE.closed()
