"""What no reader needs any more goes: old snapshots, files in none of them, batches in all."""

from collections import deque

from agola.core.clock import Clock
from agola.datamanager.layout import GROUPS, WALS, DataStatus, Paths, sequence_in
from agola.datamanager.log import Log
from agola.datamanager.port import WalSequence
from agola.datamanager.snapshot import Snapshots
from agola.datamanager.wal import WalObjects, list_all
from agola.storage.kv.port import MAX_TXN_OPERATIONS, Compare, Delete, KeyValue
from agola.storage.objects.port import ObjectStorage

LONGEST_DECISION_SECONDS = 3600.0


class Cleaner:
    """Cleans up after a checkpoint.  Any number of processes may do so at once."""

    def __init__(
        self,
        kv: KeyValue,
        objects: ObjectStorage,
        paths: Paths,
        log: Log,
        *,
        wals: WalObjects,
        snapshots: Snapshots,
        clock: Clock,
        keep_wals: int,
        keep_snapshots: int,
    ) -> None:
        self._kv = kv
        self._objects = objects
        self._paths = paths
        self._log = log
        self._wals = wals
        self._snapshots = snapshots
        self._clock = clock
        self._keep_wals = keep_wals
        self._keep_snapshots = keep_snapshots
        self._passed: deque[tuple[float, WalSequence]] = deque()

    async def clean(self) -> None:
        kept = await self._clean_snapshots()
        await self._clean_groups()
        first = await self._clean_log()
        await self._wals.forget_before(min(first, *(status.wal_sequence for status in kept)))

    async def _clean_snapshots(self) -> list[DataStatus]:
        """Delete old snapshots.  Gives those that stay.

        Files newer than the newest snapshot stay too: they belong to a checkpoint under way.
        """
        present = await self._snapshots.statuses()
        current = self._log.snapshot
        newest = max(current.data_sequence, *present)
        stay = {current.data_sequence, *present[-self._keep_snapshots :]}
        for data_sequence in present:
            if data_sequence not in stay:
                await self._objects.delete(self._paths.status(data_sequence))
        kept = [await self._snapshots.status(each) for each in stay]
        await self._clean_files(kept, newest)
        return kept

    async def _clean_files(self, kept: list[DataStatus], newest: WalSequence) -> None:
        used = {file.id for status in kept for files in status.files.values() for file in files}
        for info in await list_all(self._objects, self._paths.data):
            name, dot, kind = info.path.rsplit("/", 1)[-1].rpartition(".")
            is_file = dot and kind in {"data", "index"}
            if is_file and name not in used and sequence_in(info.path) <= newest:
                await self._objects.delete(info.path)

    async def _clean_log(self) -> WalSequence:
        """Delete batches that are in the snapshot.  Gives the first one that stays."""
        headers = list(self._log.headers)
        merged = [each for each in headers if each <= self._log.snapshot.wal_sequence]
        surplus = max(0, min(len(headers) - self._keep_wals, len(merged), len(headers) - 1))
        for start in range(0, surplus, MAX_TXN_OPERATIONS):
            chunk = merged[:surplus][start : start + MAX_TXN_OPERATIONS]
            await self._kv.txn([], [Delete(WALS + each) for each in chunk])
        return headers[surplus]

    async def _clean_groups(self) -> None:
        """Delete the change groups that nobody moved for so long that no decision is that old.

        Sooner would be wrong: who read that a group never moved could not tell that it did.
        """
        now = self._clock.monotonic()
        self._passed.append((now, self._log.snapshot.wal_sequence))
        bound: WalSequence | None = None
        while now - self._passed[0][0] > LONGEST_DECISION_SECONDS:
            bound = self._passed.popleft()[1]
        if bound is None:
            return
        page = await self._kv.range(GROUPS)
        old = [entry for entry in page.entries if entry.value.decode() <= bound]
        for start in range(0, len(old), MAX_TXN_OPERATIONS):
            chunk = old[start : start + MAX_TXN_OPERATIONS]
            unmoved = [Compare(entry.key, entry.mod_revision) for entry in chunk]
            await self._kv.txn(unmoved, [Delete(entry.key) for entry in chunk])
