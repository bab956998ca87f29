"""What is done before a datamanager is opened: its key-value store is made to fit object storage.

When it is empty, or older than object storage, what counts is the newest snapshot, the marked
batches behind it, and behind these the data of batches that were committed and not marked yet.  All
of it goes into a new snapshot, with which a new epoch begins.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from agola.datamanager.chain import committed
from agola.datamanager.decision import Decision
from agola.datamanager.epochs import Epochs
from agola.datamanager.errors import NoDataStatusError
from agola.datamanager.layout import INIT_LOCK, REPLACING, DataStatus, Paths
from agola.datamanager.leftovers import Leftovers
from agola.datamanager.port import Batch
from agola.datamanager.snapshot import Snapshots
from agola.datamanager.snapshot_writer import SnapshotWriter
from agola.datamanager.wal import WalObjects
from agola.storage.kv.port import KeyValue, Lock

logger = logging.getLogger(__name__)

LOCK_TTL = timedelta(seconds=10)
"""Who finds that somebody died while he made a store ready waits for so long."""

Work = Callable[[Lock], Awaitable[None]]


class Recovery:
    """Brings the key-value store to what object storage says."""

    def __init__(
        self,
        kv: KeyValue,
        paths: Paths,
        epochs: Epochs,
        leftovers: Leftovers,
        decision: Decision,
        *,
        wals: WalObjects,
        snapshots: Snapshots,
        writer: SnapshotWriter,
    ) -> None:
        self._kv = kv
        self._paths = paths
        self._epochs = epochs
        self._leftovers = leftovers
        self._decision = decision
        self._wals = wals
        self._snapshots = snapshots
        self._writer = writer

    async def ensure_started(self) -> None:
        """Leave a key-value store that can be used as it is; begin a new epoch in any other.

        Of several processes one does so, and the others wait for it.  NoDataStatusError,
        WalGapError, WalAmbiguousError: object storage is damaged, nothing was changed.
        """
        while await self._needed() is not None:
            async with self._kv.lock(INIT_LOCK, ttl=LOCK_TTL) as lock:
                if (work := await self._needed()) is not None:
                    await work(lock)

    async def _needed(self) -> Work | None:
        if await self._decision.is_pending():
            return self._decision.carry_out
        if (wrong := await self._epochs.what_is_wrong()) is not None:
            return lambda lock: self._begin_epoch(wrong, lock)
        if await self._kv.get(REPLACING) is not None:
            return lambda _: self._leftovers.sweep()
        return None

    async def _begin_epoch(self, wrong: str, lock: Lock) -> None:
        status = await self._last_status()
        headers = [] if status is None else await committed(self._wals, status.wal_sequence)
        if status is not None:
            logger.error("the key-value store is reset to object storage: %s", wrong)
        number = await self._epochs.reserve(lock)
        changes: dict[str, dict[str, bytes | None]] = {}
        for header in headers:
            _apply(await self._wals.read_data(header), changes)
        await self._epochs.check_held(lock)
        await self._writer.write(
            dict(changes),
            over=status or DataStatus(data_sequence=number, wal_sequence=number),
            data_sequence=number,
            wal_sequence=number,
        )
        await self._epochs.begin(number, lock)
        logger.info("epoch %s begins, with %d batches recovered", number, len(headers))

    async def _last_status(self) -> DataStatus | None:
        """Read the newest snapshot.  None: there never was anything here."""
        if statuses := await self._snapshots.statuses():
            return await self._snapshots.status(statuses[-1])
        if await self._wals.anything():
            raise NoDataStatusError(self._paths.base)
        return None


def _apply(batch: Batch, changes: dict[str, dict[str, bytes | None]]) -> None:
    for action in batch.actions:
        changes.setdefault(action.data_type, {})[action.id] = action.data
