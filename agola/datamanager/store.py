"""The datamanager over a key-value store and object storage."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager

from agola.core.background import background
from agola.core.clock import Clock, SystemClock
from agola.core.errors import BadRequestError, NotExistError, UnavailableError
from agola.core.ids import Ids, RandomIds
from agola.datamanager.checkpoint import Checkpoints, SnapshotWriter
from agola.datamanager.cleaning import Cleaner
from agola.datamanager.committer import Committer
from agola.datamanager.layout import Paths
from agola.datamanager.limits import Limits
from agola.datamanager.log import Log
from agola.datamanager.markers import Markers
from agola.datamanager.port import Action, Batch, Groups, StoredObject, WalSequence
from agola.datamanager.recovery import Recovery
from agola.datamanager.snapshot import Snapshots
from agola.datamanager.wal import WalObjects
from agola.storage.kv.port import KeyValue
from agola.storage.objects.port import ObjectStorage

_DATA_TYPE = re.compile(r"[a-z]+", re.ASCII)


class StoredDataManager:
    """A DataManager.

    Its reads see every batch that this process committed, and those of other processes as soon as
    the key-value store has told them.
    """

    def __init__(
        self, log: Log, committer: Committer, snapshots: Snapshots, checkpoints: Checkpoints
    ) -> None:
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
            if not _DATA_TYPE.fullmatch(action.data_type):  # it names a folder
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
        newest = {each: value.data for each, value in self._log.newest(data_type).items()}
        added = iter(sorted((each, data) for each, data in newest.items() if each > after))
        change = next(added, None)
        old = self._snapshots.scan(self._log.snapshot, data_type, after=after)
        async with aclosing(old) as objects:
            async for stored in objects:
                while change is not None and change[0] <= stored.id:
                    if change[1] is not None:
                        yield StoredObject(data_type, change[0], change[1])
                    change = next(added, None)
                if stored.id not in newest:
                    yield stored
        while change is not None:
            if change[1] is not None:
                yield StoredObject(data_type, change[0], change[1])
            change = next(added, None)

    async def position(self) -> WalSequence:
        return self._log.last

    def follow(self, after: WalSequence) -> AsyncGenerator[Batch, None]:
        return self._log.follow(after)

    async def checkpoint(self) -> None:
        """Fold all that is committed into a snapshot now.  Happens by itself every so often."""
        await self._checkpoints.checkpoint()

    async def _find(self, data_type: str, object_id: str) -> bytes | None:
        newest = self._log.newest(data_type).get(object_id)
        return newest.data if newest else await self._read_snapshot(data_type, object_id)

    async def _read_snapshot(self, data_type: str, object_id: str) -> bytes | None:
        while True:
            status = self._log.snapshot
            try:
                return await self._snapshots.read(status, data_type, object_id)
            except UnavailableError:
                if status is self._log.snapshot:
                    raise


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

    It begins where object storage is, should the key-value store be empty.  NoDataStatusError,
    WalGapError: object storage is damaged.
    """
    clock, ids, limits = clock or SystemClock(), ids or RandomIds(), limits or Limits()
    paths = Paths(base)
    wals, snapshots = WalObjects(objects, paths), Snapshots(objects, paths)
    writer = SnapshotWriter(objects, paths, snapshots, ids, limits)
    recovery = Recovery(
        kv,
        paths,
        wals=wals,
        snapshots=snapshots,
        writer=writer,
        clock=clock,
        ids=ids,
    )
    await recovery.ensure_started()
    log = Log(kv, wals, snapshots)
    await log.load()
    cleaner = Cleaner(
        kv,
        objects,
        paths,
        log,
        wals=wals,
        snapshots=snapshots,
        clock=clock,
        keep_wals=limits.keep_wals,
        keep_snapshots=limits.keep_snapshots,
    )
    committer = Committer(kv, wals, log, ids)
    markers = Markers(wals, log, committer)
    checkpoints = Checkpoints(kv, log, writer, cleaner, limits)
    async with background(log.run, committer.run, markers.run, checkpoints.run):
        yield StoredDataManager(log, committer, snapshots, checkpoints)
    await markers.flush()
