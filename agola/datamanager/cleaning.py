"""What no reader needs any more goes: old snapshots, files in none of them, batches in all."""

from collections import deque

from agola.core.clock import Clock
from agola.datamanager.layout import GROUPS, WALS
from agola.datamanager.log import Log
from agola.datamanager.port import WalSequence
from agola.datamanager.snapshot_cleaning import SnapshotCleaner
from agola.datamanager.wal import WalObjects
from agola.storage.kv.port import MAX_TXN_OPERATIONS, Compare, Delete, KeyValue

LONGEST_DECISION_SECONDS = 3600.0


class Cleaner:
    """Cleans up after a checkpoint, and once after the start.  Processes may do so at once.

    What it costs depends on what is kept and on what goes, not on how much there is.
    """

    def __init__(
        self,
        kv: KeyValue,
        log: Log,
        *,
        wals: WalObjects,
        snapshots: SnapshotCleaner,
        clock: Clock,
        keep_wals: int,
    ) -> None:
        self._kv = kv
        self._log = log
        self._wals = wals
        self._snapshots = snapshots
        self._clock = clock
        self._keep_wals = keep_wals
        self._passed: deque[tuple[float, WalSequence]] = deque()

    async def clean(self) -> None:
        """Delete what is not needed.

        DataDamagedError: a snapshot that stays is damaged, and as long as it is nothing goes.
        """
        kept = await self._snapshots.clean()
        if not kept:
            return
        await self._clean_groups()
        first = await self._clean_log()
        await self._wals.forget_before(min(first, *(status.wal_sequence for status in kept)))

    async def _clean_log(self) -> WalSequence:
        """Delete batches that are in the snapshot.  Gives the first one that stays."""
        headers = list(self._log.headers)
        merged = [each for each in headers if each <= self._log.snapshot.wal_sequence]
        surplus = max(0, min(len(headers) - self._keep_wals, len(merged), len(headers) - 1))
        for start in range(0, surplus, MAX_TXN_OPERATIONS):
            chunk = merged[:surplus][start : start + MAX_TXN_OPERATIONS]
            await self._kv.txn([self._log.guard], [Delete(WALS + each) for each in chunk])
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
        for start in range(0, len(old), MAX_TXN_OPERATIONS - 1):
            chunk = old[start : start + MAX_TXN_OPERATIONS - 1]
            unmoved = [Compare(entry.key, entry.mod_revision) for entry in chunk]
            deletes = [Delete(entry.key) for entry in chunk]
            await self._kv.txn([self._log.guard, *unmoved], deletes)
