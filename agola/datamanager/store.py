"""The datamanager over a key-value store and object storage."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager

from agola.core.background import background
from agola.core.clock import Clock, SystemClock
from agola.core.errors import BadRequestError, NotExistError, leaves
from agola.core.ids import Ids, RandomIds
from agola.datamanager.checkpoint import Checkpoints
from agola.datamanager.cleaning import Cleaner
from agola.datamanager.committer import Committer
from agola.datamanager.decision import Decision
from agola.datamanager.epochs import Epochs
from agola.datamanager.errors import DataDamagedError, StateLostError, closed
from agola.datamanager.layout import Paths, is_data_type
from agola.datamanager.leftovers import Leftovers
from agola.datamanager.limits import Limits
from agola.datamanager.log import Log
from agola.datamanager.markers import Markers
from agola.datamanager.port import Action, Batch, Groups, StoredObject, View, WalSequence
from agola.datamanager.recovery import Recovery
from agola.datamanager.snapshot import SnapshotGoneError, Snapshots
from agola.datamanager.snapshot_cleaning import SnapshotCleaner
from agola.datamanager.snapshot_writer import SnapshotWriter
from agola.datamanager.view import overlaid, viewing
from agola.datamanager.wal import WalObjects
from agola.storage.kv.port import KeyValue
from agola.storage.objects.port import ObjectStorage


class StoredDataManager:
    """A DataManager.

    Its reads see every batch that this process committed, and those of other processes as soon as
    the key-value store has told them.
    """

    def __init__(
        self,
        kv: KeyValue,
        log: Log,
        committer: Committer,
        snapshots: Snapshots,
        checkpoints: Checkpoints,
        *,
        ids: Ids,
    ) -> None:
        self._kv = kv
        self._ids = ids
        self._log = log
        self._committer = committer
        self._snapshots = snapshots
        self._checkpoints = checkpoints

    async def groups(self, names: Sequence[str]) -> Groups:
        return await self._committer.groups(names)

    async def commit(
        self, actions: Sequence[Action], *, groups: Groups | None = None
    ) -> WalSequence:
        for action in actions:
            if not is_data_type(action.data_type):
                message = f"{action.data_type!r} is no data type"
                raise BadRequestError(
                    message, reason="DATA_TYPE_INVALID", dataType=action.data_type
                )
        return await self._committer.commit(actions, groups)

    async def read(self, data_type: str, id: str) -> bytes:  # noqa: A002 (the field's name)
        data = await self._find(data_type, id)
        if data is None:
            await self._committer.groups(())  # another process may have committed it just now
            data = await self._find(data_type, id)
        if data is None:
            message = f"there is no {data_type} {id!r}"
            raise NotExistError(message, reason="OBJECT_DOES_NOT_EXIST", dataType=data_type, id=id)
        return data

    async def scan(self, data_type: str, *, after: str = "") -> AsyncGenerator[StoredObject, None]:
        """UnavailableError (`SNAPSHOT_GONE`) when it takes so long that three checkpoints pass."""
        old = self._snapshots.scan(self._log.snapshot, data_type, after=after)
        newest = dict(self._log.overlay.newest(data_type))
        async with aclosing(overlaid(old, newest, data_type, after=after)) as objects:
            async for stored in objects:
                yield stored

    @asynccontextmanager
    async def view(self) -> AsyncGenerator[View, None]:
        await self._committer.groups(())  # another process may have committed just now
        async with viewing(self._kv, self._log, self._snapshots, self._ids) as view:
            yield view

    async def position(self) -> WalSequence:
        return self._log.last

    def follow(self, after: WalSequence) -> AsyncGenerator[Batch, None]:
        return self._log.follow(after)

    async def checkpoint(self) -> None:
        """Fold all that is committed into a snapshot now.  Happens by itself every so often."""
        await self._checkpoints.checkpoint()

    async def _find(self, data_type: str, object_id: str) -> bytes | None:
        newest = self._log.overlay.newest(data_type).get(object_id)
        return newest.data if newest else await self._read_snapshot(data_type, object_id)

    async def _read_snapshot(self, data_type: str, object_id: str) -> bytes | None:
        while True:
            status = self._log.snapshot
            try:
                return await self._snapshots.read(status, data_type, object_id)
            except SnapshotGoneError as error:
                await self._checkpoints.catch_up()
                if status is self._log.snapshot:
                    raise DataDamagedError(error.missing, "it is missing") from error


@asynccontextmanager
async def opening(
    kv: KeyValue,
    objects: ObjectStorage,
    base: str,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    limits: Limits | None = None,
) -> AsyncGenerator[StoredDataManager, None]:
    """Open the datamanager whose objects are below *base*.

    It begins where object storage is, should the key-value store be empty or older.
    NoDataStatusError, WalGapError, WalAmbiguousError: object storage is damaged.
    StateLostError ends the block when the key-value store is no longer what it was: open it again.
    """
    clock, ids, limits = clock or SystemClock(), ids or RandomIds(), limits or Limits()
    paths = Paths(base)
    wals, snapshots = WalObjects(objects, paths), Snapshots(objects, paths)
    writer = SnapshotWriter(objects, paths, snapshots, ids, limits)
    epochs = Epochs(kv, wals, snapshots, clock=clock)
    recovery = Recovery(
        kv,
        paths,
        epochs,
        Leftovers(kv, objects, paths, snapshots),
        Decision(kv, objects, paths, epochs),
        wals=wals,
        snapshots=snapshots,
        writer=writer,
    )
    await recovery.ensure_started()
    log = Log(kv, wals, snapshots)
    await log.load()
    old = SnapshotCleaner(kv, objects, paths, log, snapshots=snapshots, keep=limits.keep_snapshots)
    cleaner = Cleaner(kv, log, wals=wals, snapshots=old, clock=clock, keep_wals=limits.keep_wals)
    committer = Committer(kv, wals, log, ids)
    markers = Markers(wals, log, committer)
    checkpoints = Checkpoints(kv, log, writer, cleaner, limits=limits, clock=clock)
    store = StoredDataManager(kv, log, committer, snapshots, checkpoints, ids=ids)
    try:
        async with background(log.run, committer.run, markers.run, checkpoints.run):
            yield store
    except BaseExceptionGroup as group:  # of what several loops noticed
        lost = next((each for each in leaves(group) if isinstance(each, StateLostError)), None)
        if lost is None:
            raise
        raise lost from group
    finally:
        log.end(closed())
        committer.end(closed())
    await markers.flush()
