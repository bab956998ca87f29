"""The beginning of an epoch: with nothing at all, or after the key-value store was lost.

What counts then is the newest snapshot, the marked batches behind it, and behind these the data of
batches that were committed and not marked yet.  All of it goes into a new snapshot, and the log
begins again with one empty batch of a new epoch.  The key-value store is written last and at once,
so that a crash on the way only means to begin again.
"""

import logging
from datetime import timedelta

import msgspec

from agola.core.clock import Clock
from agola.core.ids import Ids
from agola.datamanager import sequence
from agola.datamanager.checkpoint import SnapshotWriter
from agola.datamanager.errors import NoDataStatusError, WalGapError
from agola.datamanager.layout import (
    DATA_SEQUENCE,
    GROUPS,
    HEAD,
    INIT_LOCK,
    LOG,
    SNAPSHOT,
    WALS,
    DataStatus,
    Paths,
    WalHeader,
)
from agola.datamanager.port import Batch, WalSequence
from agola.datamanager.snapshot import Snapshots
from agola.datamanager.wal import WalObjects
from agola.storage.kv.port import Compare, Delete, KeyValue, Put, Revision

logger = logging.getLogger(__name__)

LOCK_TTL = timedelta(seconds=30)


class Recovery:
    """Brings the key-value store to what object storage says."""

    def __init__(
        self,
        kv: KeyValue,
        paths: Paths,
        *,
        wals: WalObjects,
        snapshots: Snapshots,
        writer: SnapshotWriter,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._kv = kv
        self._paths = paths
        self._wals = wals
        self._snapshots = snapshots
        self._writer = writer
        self._clock = clock
        self._ids = ids

    async def ensure_started(self) -> None:
        """Leave a key-value store that has a head as it is; begin a new epoch in any other.

        NoDataStatusError, WalGapError: object storage is damaged, nothing was changed.
        """
        if await self._kv.get(HEAD) is not None:
            return
        async with self._kv.lock(INIT_LOCK, ttl=LOCK_TTL):
            if await self._kv.get(HEAD) is None:
                await self._begin_epoch()

    async def _begin_epoch(self) -> None:
        status = await self._last_status()
        headers = [] if status is None else await self._chain(status.wal_sequence)
        last = headers[-1].sequence if headers else status.wal_sequence if status else None
        number = self._new_epoch([last, status.data_sequence] if last and status else [])
        changes: dict[str, dict[str, bytes | None]] = {}
        for header in headers:
            _apply(await self._wals.read_data(header), changes)
        await self._writer.write(
            dict(changes),
            over=status or DataStatus(data_sequence=number, wal_sequence=number),
            data_sequence=number,
            wal_sequence=number,
        )
        first = WalHeader(sequence=number, previous=None, data_id=f"{number}-{self._ids.uuid()}")
        await self._wals.write_data(first, [])
        await self._wals.mark(first)
        await self._enter(first, data_sequence=number)
        logger.info("epoch %s begins, with %d batches recovered", number, len(headers))

    async def _last_status(self) -> DataStatus | None:
        """Read the newest snapshot.  None: there never was anything here."""
        if statuses := await self._snapshots.statuses():
            return await self._snapshots.status(statuses[-1])
        async for _ in self._wals.marked(None):
            raise NoDataStatusError(self._paths.base)
        return None

    async def _chain(self, after: WalSequence) -> list[WalHeader]:
        """Find the batches behind a snapshot, each following the one before."""
        chain: list[WalHeader] = []
        last = after
        async for header in self._wals.marked(after):
            if header.previous != last:
                previous = header.previous or "nothing"
                raise WalGapError(header.sequence, previous=previous, expected=last)
            chain.append(header)
            last = header.sequence
        unmarked = await self._wals.unmarked(last)
        while (found := unmarked.get(sequence.following(last))) and found.previous == last:
            chain.append(found)
            last = found.sequence
        return chain

    def _new_epoch(self, known: list[WalSequence]) -> WalSequence:
        epochs = [sequence.epoch_of(each) + 1 for each in known]
        return sequence.first(max([int(self._clock.now().timestamp()), *epochs]))

    async def _enter(self, first: WalHeader, *, data_sequence: WalSequence) -> None:
        await self._kv.txn([], [Delete(LOG, prefix=True), Delete(GROUPS, prefix=True)])
        await self._kv.txn(
            [Compare(HEAD, Revision(0))],
            [
                Put(HEAD, first.sequence.encode()),
                Put(WALS + first.sequence, msgspec.json.encode(first)),
                Put(SNAPSHOT, data_sequence.encode()),
                Put(DATA_SEQUENCE, data_sequence.encode()),
            ],
        )


def _apply(batch: Batch, changes: dict[str, dict[str, bytes | None]]) -> None:
    for action in batch.actions:
        changes.setdefault(action.data_type, {})[action.id] = action.data
