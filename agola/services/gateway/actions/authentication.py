"""Who calls: whom a token stands for."""

from collections import OrderedDict
from datetime import timedelta

from agola.core.clock import Clock
from agola.core.errors import UnauthorizedError
from agola.model.user import Identity, token_digest
from agola.rpc.context import Principal, PrincipalKind
from agola.services.gateway.ports.user import Identities

REMEMBERED = timedelta(seconds=5)
"""How long a revoked token may still work: so rarely is the configstore asked for the same one."""

MOST_REMEMBERED = 10_000


class Authentication:
    """Knows callers by their tokens, and those who were here a moment ago without asking again."""

    def __init__(self, identities: Identities, clock: Clock) -> None:
        self._identities = identities
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Principal]] = OrderedDict()

    async def __call__(self, token: str) -> Principal:
        """Say who presents *token*.

        UnauthorizedError: TOKEN_REQUIRED, TOKEN_INVALID, TOKEN_EXPIRED.
        """
        if not token:
            raise UnauthorizedError("a token is required", reason="TOKEN_REQUIRED")
        digest = token_digest(token)
        until, principal = self._known.get(digest, (0.0, None))
        if principal is None or until <= self._clock.monotonic():
            identity = await self._identities.authenticate_token(token)
            principal = _principal(identity)
            self._remember(digest, principal, identity)
        return principal

    def _remember(self, digest: str, principal: Principal, identity: Identity) -> None:
        lifetime, expire_time = REMEMBERED, identity.token.expire_time
        if expire_time is not None:
            lifetime = min(lifetime, expire_time - self._clock.now())
        until = self._clock.monotonic() + lifetime.total_seconds()
        self._known.pop(digest, None)
        self._known[digest] = (until, principal)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)


def _principal(identity: Identity) -> Principal:
    return Principal(
        kind=PrincipalKind.USER,
        user_id=identity.user.id,
        user_name=identity.user.name,
        admin=identity.user.admin,
        scopes=identity.token.scopes,
        token_id=identity.token.id,
    )
