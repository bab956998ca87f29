"""The gitserver, put together."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from agola.clients.configstore import UserClient
from agola.config.model import Config
from agola.rpc import channel, server
from agola.rpc.auth import InternalToken
from agola.services.gitserver.actions.clone_credential import CloneCredential
from agola.services.gitserver.actions.repository import RepositoryActions
from agola.services.gitserver.actions.transport import TransportActions
from agola.services.gitserver.http import serving_http
from agola.services.gitserver.ports import Authenticate
from agola.services.gitserver.servicer import RepositoryServicer
from agola.services.gitserver.store.git import Git
from agola.services.gitserver.store.reader import GitReader
from agola.services.gitserver.store.repositories import DiskRepositories
from agola.services.gitserver.store.transport import GitTransport

ANY_PORT = ":0"


@asynccontextmanager
async def serving(config: Config) -> AsyncGenerator[None, None]:
    """Serve the repositories of direct runs while the block runs."""
    settings, token = config.gitserver, config.internal_token
    async with AsyncExitStack() as stack:
        configstore = await stack.enter_async_context(
            channel.dial(config.configstore.target, token=token)
        )
        users = UserClient(configstore)

        git = Git(max_push_bytes=settings.max_push_bytes)
        repositories = DiskRepositories(config.data_dir / "gitserver", git)
        await repositories.prepare()
        clone_credential = CloneCredential(token)

        transport = TransportActions(
            repositories,
            GitTransport(git, repositories),
            _by_token(users),
            clone_credential=clone_credential,
            max_push_bytes=settings.max_push_bytes,
        )
        bound = await stack.enter_async_context(serving_http(transport, settings.http_listen))
        actions = RepositoryActions(
            repositories,
            GitReader(git, repositories),
            url=_url(settings.http_url, bound),
            clone_credential=clone_credential,
        )
        await stack.enter_async_context(
            server.serving(
                [RepositoryServicer(actions).mount()],
                address=settings.listen,
                authenticate=InternalToken(token),
            )
        )
        yield


def _by_token(users: UserClient) -> Authenticate:
    async def authenticate(token: str) -> str:
        return (await users.authenticate_token(token)).user.id

    return authenticate


def _url(configured: str, bound: str) -> str:
    """Say the address for users; any port becomes the one that was bound."""
    if not configured.endswith(ANY_PORT):
        return configured
    return f"{configured.removesuffix(ANY_PORT)}:{bound.rpartition(':')[2]}"
