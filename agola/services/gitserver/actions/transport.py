"""What a git client may do, over HTTP."""

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass, field

from agola.core.errors import ExhaustedError, ForbiddenError, NotExistError, UnauthorizedError
from agola.model.repository import RepositoryPath
from agola.services.gitserver.actions.clone_credential import CloneCredential
from agola.services.gitserver.ports import (
    Authenticate,
    PackService,
    Repositories,
    Respond,
    Transport,
)

MAX_FETCH_REQUEST_BYTES = 64 * 1024**2
"""What a client wants and has, for a repository with very many refs."""
PUSH_SLACK_BYTES = 64 * 1024**2
"""What is still read of a push that is too large, so that its client sees git's own words."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client says who it is."""

    username: str
    password: str = field(repr=False)


class TransportActions:
    """Admits clients to repositories, and lets git speak with those admitted."""

    def __init__(
        self,
        repositories: Repositories,
        transport: Transport,
        authenticate: Authenticate,
        *,
        clone_credential: CloneCredential,
        max_push_bytes: int,
    ) -> None:
        self._repositories = repositories
        self._transport = transport
        self._authenticate = authenticate
        self._clone_credential = clone_credential
        self._limits = {
            PackService.FETCH: MAX_FETCH_REQUEST_BYTES,
            PackService.PUSH: max_push_bytes + PUSH_SLACK_BYTES,
        }

    async def admit(
        self, path: RepositoryPath, service: PackService, credentials: Credentials | None
    ) -> None:
        """Return if the client may use *service* there; a first push finds a repository made.

        UnauthorizedError: TOKEN_REQUIRED, and what the configstore says.  NotExistError:
        REPOSITORY_DOES_NOT_EXIST, also for those of other users.  ForbiddenError: CLONE_ONLY.
        """
        if credentials is None:
            raise UnauthorizedError("log in with a user token as password", reason="TOKEN_REQUIRED")
        if self._clone_credential.fits(path, credentials.username, credentials.password):
            if service is PackService.PUSH:
                raise ForbiddenError("this credential can only read", reason="CLONE_ONLY")
        elif await self._authenticate(credentials.password) != path.user_id:
            raise _not_exist(path)
        if service is PackService.PUSH:
            await self._repositories.create(path)
        elif not await self._repositories.exists(path):
            raise _not_exist(path)

    async def advertise(
        self, path: RepositoryPath, service: PackService, respond: Respond, *, protocol: str
    ) -> None:
        """Tell an admitted client what is there."""
        await self._transport.advertise(path, service, respond, protocol=protocol)

    async def exchange(
        self,
        path: RepositoryPath,
        service: PackService,
        request: AsyncIterable[bytes],
        respond: Respond,
        *,
        protocol: str,
    ) -> None:
        """Answer one request of an admitted client.  ExhaustedError: REQUEST_TOO_LARGE."""
        limited = _limited(request, self._limits[service])
        await self._transport.exchange(path, service, limited, respond, protocol=protocol)


async def _limited(request: AsyncIterable[bytes], max_bytes: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for piece in request:
        size += len(piece)
        if size > max_bytes:
            message = f"a request may have {max_bytes} bytes"
            raise ExhaustedError(message, reason="REQUEST_TOO_LARGE", maxBytes=str(max_bytes))
        yield piece


def _not_exist(path: RepositoryPath) -> NotExistError:
    return NotExistError(
        f"repository {path} doesn't exist",
        reason="REPOSITORY_DOES_NOT_EXIST",
        userId=path.user_id,
        repositoryUuid=path.uuid,
    )
