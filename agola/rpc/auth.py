"""How the components of an installation know each other."""

import hmac

from agola.core.errors import UnauthorizedError
from agola.rpc.context import SERVICE, Principal


class InternalToken:
    """Knows whoever presents the installation's own token.  An empty one lets nobody in."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    async def __call__(self, token: str) -> Principal:
        """Say who presents *token*.  UnauthorizedError: TOKEN_REQUIRED, TOKEN_INVALID."""
        if not token:
            raise UnauthorizedError("a token is required", reason="TOKEN_REQUIRED")
        if not self._token or not hmac.compare_digest(token.encode(), self._token):
            raise UnauthorizedError("the token is not valid", reason="TOKEN_INVALID")
        return SERVICE
