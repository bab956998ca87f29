"""The configstore, put together."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from agola import datamanager
from agola.config.model import Config
from agola.core.background import background
from agola.core.clock import SystemClock
from agola.core.ids import RandomIds
from agola.maintenance.flag import MaintenanceFlag
from agola.model.user import TOKEN_PREFIX
from agola.rpc import server
from agola.rpc.auth import InternalToken
from agola.services.configstore.actions.maintenance import MaintenanceActions
from agola.services.configstore.actions.tokens import TokenActions
from agola.services.configstore.actions.users import UserActions
from agola.services.configstore.servicer.later import later_mounts
from agola.services.configstore.servicer.maintenance import MaintenanceServicer
from agola.services.configstore.servicer.user import UserServicer
from agola.services.configstore.store.projection import Projection
from agola.services.configstore.store.store import DataManagerStore
from agola.services.configstore.store.tables import MIGRATIONS
from agola.storage import kv, objects, sql

COMPONENT = "configstore"
BASE = "configdata"

Announce = Callable[[str], None]
"""Shows somebody the token of the first user, which nobody can show again."""


@asynccontextmanager
async def serving(config: Config, *, announce: Announce) -> AsyncGenerator[None, None]:
    """Serve users and their tokens while the block runs."""
    clock, ids = SystemClock(), RandomIds()
    async with AsyncExitStack() as stack:
        live = await stack.enter_async_context(kv.opening(config, COMPONENT))
        stored = await stack.enter_async_context(objects.opening(config, COMPONENT))
        database = await stack.enter_async_context(sql.opening(config, COMPONENT, MIGRATIONS))
        truth = await stack.enter_async_context(
            datamanager.opening(live, stored, BASE, clock=clock, ids=ids)
        )
        projection = Projection(truth, database)
        await projection.start()

        store = DataManagerStore(truth, database, projection)
        users = UserActions(store, clock, ids)
        tokens = TokenActions(store, users, clock, ids)
        maintenance = MaintenanceActions(MaintenanceFlag(live, clock), store)
        await stack.enter_async_context(background(projection.run, tokens.record_uses))

        if not await users.has_users():
            await users.ensure_admin(config.admin_token or _announced(ids.token(), announce))
        await stack.enter_async_context(
            server.serving(
                [
                    UserServicer(users, tokens).mount(),
                    MaintenanceServicer(maintenance).mount(),
                    *later_mounts(),
                ],
                address=config.configstore.listen,
                authenticate=InternalToken(config.internal_token),
            )
        )
        yield


def _announced(secret: str, announce: Announce) -> str:
    """Show a token before it counts: a crash in between costs nothing, the other way round all."""
    value = TOKEN_PREFIX + secret
    announce(value)
    return value
