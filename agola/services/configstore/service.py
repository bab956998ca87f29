"""The configstore, put together."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

from agola import datamanager, readdb
from agola.config.model import Config
from agola.core.background import background
from agola.core.clock import SystemClock
from agola.core.ids import RandomIds
from agola.maintenance.encryption import EncryptedData
from agola.maintenance.encryption_codec import EncryptionCodec
from agola.maintenance.export import Exporter, Viewing
from agola.maintenance.flag import MaintenanceFlag
from agola.maintenance.holdings import Holdings
from agola.maintenance.importing import Importer
from agola.maintenance.key_register import KeyRegister
from agola.maintenance.modes import modes
from agola.model.maintenance import MaintainedService
from agola.model.user import TOKEN_PREFIX
from agola.rpc import server
from agola.rpc.auth import InternalToken
from agola.rpc.maintenance import closing
from agola.rpc.server import Mount
from agola.services.configstore.actions.maintenance import KeeperActions, MaintenanceActions
from agola.services.configstore.actions.tokens import TokenActions
from agola.services.configstore.actions.users import UserActions
from agola.services.configstore.servicer.encryption_key import EncryptionKeyServicer
from agola.services.configstore.servicer.keeper import KeeperServicer
from agola.services.configstore.servicer.later import later_mounts
from agola.services.configstore.servicer.maintenance import MaintenanceServicer
from agola.services.configstore.servicer.user import UserServicer
from agola.services.configstore.store.codec import configstore_codec
from agola.services.configstore.store.store import DataManagerStore
from agola.services.configstore.store.tables import TABLES
from agola.storage import keyring, kv, objects, sql
from agola.storage.kv.port import KeyValue
from agola.storage.objects.port import ObjectStorage

COMPONENT = "configstore"
BASE = "configdata"
PACKAGE = "agola.configstore.v1"

Announce = Callable[[str], None]
"""Shows somebody the token of the first user, which nobody can show again."""


@asynccontextmanager
async def serving(config: Config, *, announce: Announce) -> AsyncGenerator[None, None]:
    """Serve users and their tokens while the block runs, or be in maintenance mode."""
    clock, ids = SystemClock(), RandomIds()
    async with (
        kv.opening(config, COMPONENT) as live,
        objects.opening(config, COMPONENT) as stored,
        modes(
            live,
            serve=partial(_users, config, live, stored, announce),
            maintain=partial(_maintenance, config, live, stored),
            clock=clock,
            ids=ids,
        ),
    ):
        yield


@asynccontextmanager
async def _users(
    config: Config, live: KeyValue, stored: ObjectStorage, announce: Announce
) -> AsyncGenerator[None, None]:
    clock, ids = SystemClock(), RandomIds()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            sql.opening(config, COMPONENT, TABLES.definition)
        )
        truth = await stack.enter_async_context(
            datamanager.opening(live, stored, BASE, clock=clock, ids=ids)
        )
        holdings = _holdings(config, live, stored)
        await holdings.settle(truth)
        register = KeyRegister(truth, keyring.opening(config), lost=config.encryption.lost)
        encrypted = EncryptedData(truth, live, register, [])
        await encrypted.start()
        copy = await stack.enter_async_context(readdb.following(database, truth, TABLES))

        store = DataManagerStore(truth, copy)
        users = UserActions(store, clock, ids)
        tokens = TokenActions(store, users, clock, ids)
        maintenance = MaintenanceActions(MaintenanceFlag(live, clock), store)
        await stack.enter_async_context(background(tokens.record_uses))

        if not await users.has_users():
            await users.ensure_admin(config.admin_token or _announced(ids.token(), announce))
        mounts = [
            UserServicer(users, tokens).mount(),
            EncryptionKeyServicer(encrypted).mount(),
            _maintenance_mount(maintenance, holdings, truth.view),
            *later_mounts(),
        ]
        await stack.enter_async_context(_listening(config, mounts))
        yield


@asynccontextmanager
async def _maintenance(
    config: Config, live: KeyValue, stored: ObjectStorage
) -> AsyncGenerator[None, None]:
    """Be there for those who asked for it, and refuse all other calls."""
    clock = SystemClock()
    flag = MaintenanceFlag(live, clock)
    holdings = _holdings(config, live, stored)
    mounts = [
        _maintenance_mount(MaintenanceActions(flag), holdings, holdings.viewing),
        KeeperServicer(KeeperActions(flag, clock)).mount(),
    ]
    closed = closing(PACKAGE, MaintainedService.CONFIGSTORE.closed, but=mounts)
    async with _listening(config, closed):
        yield


def _holdings(config: Config, live: KeyValue, stored: ObjectStorage) -> Holdings:
    return Holdings(
        service=MaintainedService.CONFIGSTORE,
        kv=live,
        objects=stored,
        base=BASE,
        codec=EncryptionCodec(configstore_codec(), keyring.opening(config), []),
    )


def _maintenance_mount(
    maintenance: MaintenanceActions, holdings: Holdings, viewing: Viewing
) -> Mount:
    clock = SystemClock()
    exporter = Exporter(holdings, viewing, clock)
    importer = Importer(holdings, MaintenanceFlag(holdings.kv, clock), RandomIds())
    return MaintenanceServicer(maintenance, exporter, importer).mount()


def _listening(config: Config, mounts: Sequence[Mount]) -> AbstractAsyncContextManager[str]:
    return server.serving(
        mounts,
        address=config.configstore.listen,
        authenticate=InternalToken(config.internal_token),
    )


def _announced(secret: str, announce: Announce) -> str:
    """Show a token before it counts: a crash in between costs nothing, the other way round all."""
    value = TOKEN_PREFIX + secret
    announce(value)
    return value
