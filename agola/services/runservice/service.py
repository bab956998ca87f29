"""The runservice, put together."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

from agola import datamanager, readdb
from agola.config.model import Config
from agola.core.background import background
from agola.core.clock import SystemClock
from agola.core.ids import RandomIds
from agola.core.keyring import Sealer
from agola.maintenance.encryption import EncryptedData
from agola.maintenance.encryption_codec import EncryptionCodec
from agola.maintenance.export import Exporter, Viewing
from agola.maintenance.flag import MaintenanceFlag
from agola.maintenance.holdings import Holdings
from agola.maintenance.importing import Importer
from agola.maintenance.key_register import KeyRegister
from agola.maintenance.modes import modes
from agola.model.maintenance import MaintainedService
from agola.model.run_id import RunIds
from agola.rpc import server
from agola.rpc.auth import InternalToken
from agola.rpc.maintenance import closing
from agola.rpc.server import Mount
from agola.services.runservice.actions.advancing import AdvanceActions
from agola.services.runservice.actions.archives import ArchiveActions
from agola.services.runservice.actions.executors import ExecutorActions
from agola.services.runservice.actions.fetch import FetchActions
from agola.services.runservice.actions.listing import RunListing
from agola.services.runservice.actions.logs import LogActions
from agola.services.runservice.actions.reports import ReportActions
from agola.services.runservice.actions.runs import RunActions
from agola.services.runservice.loops.advancing import AdvanceLoops
from agola.services.runservice.loops.fetch import FetchLoop
from agola.services.runservice.loops.liveness import LivenessLoops
from agola.services.runservice.servicer.encryption_key import EncryptionKeyServicer
from agola.services.runservice.servicer.executor_registry import ExecutorRegistryServicer
from agola.services.runservice.servicer.executor_task import ExecutorTaskServicer
from agola.services.runservice.servicer.later import later_mounts
from agola.services.runservice.servicer.log import ArchiveServicer, LogServicer
from agola.services.runservice.servicer.maintenance import MaintenanceServicer
from agola.services.runservice.servicer.mounts import log_mounts
from agola.services.runservice.servicer.run import RunServicer
from agola.services.runservice.servicer.run_event import RunEventServicer
from agola.services.runservice.store.archive import StoredRuns
from agola.services.runservice.store.codec import runservice_codec
from agola.services.runservice.store.events import RunEventLog
from agola.services.runservice.store.executor_copies import executor_copies
from agola.services.runservice.store.live import live_state
from agola.services.runservice.store.places import LiveTaskPlaces
from agola.services.runservice.store.run_config_record import RunConfigRecords
from agola.services.runservice.store.run_configs import run_configs
from agola.services.runservice.store.run_files import RunFiles
from agola.services.runservice.store.run_table import TABLES
from agola.services.runservice.store.stored_archives import ObjectArchives
from agola.services.runservice.store.stored_logs import ObjectLogs
from agola.storage import keyring, kv, objects, sql
from agola.storage.kv.port import KeyValue
from agola.storage.objects.port import ObjectStorage

COMPONENT = "runservice"
DATA = "rundata"
PACKAGE = "agola.runservice.v1"


@asynccontextmanager
async def serving(config: Config) -> AsyncGenerator[None, None]:
    """Serve runs, their logs and their executors while the block runs, or be in maintenance mode.

    Executors go on with their tasks meanwhile, and report afterwards.
    """
    async with (
        kv.opening(config, COMPONENT) as keys,
        objects.opening(config, COMPONENT) as files,
        modes(
            keys,
            serve=partial(_runs, config, keys, files),
            maintain=partial(_maintenance, config, keys, files),
            clock=SystemClock(),
            ids=RandomIds(),
        ),
    ):
        yield


@asynccontextmanager
async def _runs(config: Config, keys: KeyValue, files: ObjectStorage) -> AsyncGenerator[None, None]:
    clock, ids = SystemClock(), RandomIds()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        database = await enter(sql.opening(config, COMPONENT, TABLES.definition))
        data = await enter(datamanager.opening(keys, files, DATA))
        holdings = _holdings(config, keys, files)
        await holdings.settle(data)
        register = KeyRegister(data, keyring.opening(config), lost=config.encryption.lost)

        live = await enter(live_state(keys, clock))
        copy = await enter(readdb.following(database, data, TABLES))
        configs = await enter(run_configs(data, register))
        encrypted = EncryptedData(data, keys, register, [configs.records.sealer])
        await encrypted.start()
        archive = StoredRuns(data, copy, lambda: live.archived)
        places = LiveTaskPlaces(live, archive)
        copies = await enter(executor_copies(places, token=config.internal_token))
        logs, archives = ObjectLogs(files), ObjectArchives(files)

        newest = max(live.newest_run_id(), await archive.newest_run_id())
        run_ids = RunIds(clock, after=newest)
        advance = AdvanceActions(live, configs, archive, clock=clock)
        runs = RunActions(live, configs, archive, advance, ids=run_ids, clock=clock)
        executors = ExecutorActions(live, configs, ids=ids, clock=clock)
        reports = ReportActions(live, clock=clock)

        advancing = AdvanceLoops(live, advance)
        liveness = LivenessLoops(live, executors, reports)
        fetching = FetchLoop(places, FetchActions(places, copies, logs, archives))
        await enter(
            background(
                advancing.advance,
                advancing.archive,
                advancing.resync,
                liveness.expire,
                liveness.judge,
                fetching.run,
            )
        )
        mounts = [
            RunServicer(runs, RunListing(live, archive)).mount(),
            RunEventServicer(RunEventLog(keys, live)).mount(),
            ExecutorTaskServicer(executors, reports).mount(),
            ExecutorRegistryServicer(executors).mount(),
            *log_mounts(
                LogServicer(LogActions(places, logs, copies)),
                ArchiveServicer(ArchiveActions(places, archives)),
            ),
            EncryptionKeyServicer(encrypted).mount(),
            _maintenance_mount(holdings, data.view),
            *later_mounts(),
        ]
        await enter(_listening(config, mounts))
        yield


@asynccontextmanager
async def _maintenance(
    config: Config, keys: KeyValue, files: ObjectStorage
) -> AsyncGenerator[None, None]:
    """Be there for administrators, and refuse all other calls."""
    holdings = _holdings(config, keys, files)
    mounts = [_maintenance_mount(holdings, holdings.viewing)]
    closed = closing(PACKAGE, MaintainedService.RUNSERVICE.closed, but=mounts)
    async with _listening(config, closed):
        yield


def _holdings(config: Config, keys: KeyValue, files: ObjectStorage) -> Holdings:
    ring = keyring.opening(config)
    sealers = [RunConfigRecords(Sealer(ring)).sealer]
    return Holdings(
        service=MaintainedService.RUNSERVICE,
        kv=keys,
        objects=files,
        base=DATA,
        codec=EncryptionCodec(runservice_codec(), ring, sealers),
        files=RunFiles(files),
    )


def _maintenance_mount(holdings: Holdings, viewing: Viewing) -> Mount:
    clock = SystemClock()
    flag = MaintenanceFlag(holdings.kv, clock)
    exporter = Exporter(holdings, viewing, clock)
    return MaintenanceServicer(flag, exporter, Importer(holdings, flag, RandomIds())).mount()


def _listening(config: Config, mounts: Sequence[Mount]) -> AbstractAsyncContextManager[str]:
    return server.serving(
        mounts,
        address=config.runservice.listen,
        authenticate=InternalToken(config.internal_token),
    )
