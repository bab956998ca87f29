"""Checkpoints: what the log says is folded into data files, and what is no longer needed goes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from agola.core.clock import Clock
from agola.core.errors import AgolaError
from agola.core.trouble import Trouble, level_of
from agola.datamanager import sequence
from agola.datamanager.cleaning import Cleaner
from agola.datamanager.datafile import folded
from agola.datamanager.errors import StateLostError
from agola.datamanager.layout import CHECKPOINT_LOCK, DATA_SEQUENCE, SNAPSHOT, DataStatus
from agola.datamanager.limits import Limits
from agola.datamanager.log import Log
from agola.datamanager.port import WalSequence
from agola.datamanager.snapshot_writer import SnapshotWriter
from agola.storage.kv.port import Compare, KeyValue, Put

logger = logging.getLogger(__name__)

LOCK_TTL = timedelta(seconds=30)
MAX_RETRY = timedelta(minutes=5)


class Checkpoints:
    """Makes a checkpoint whenever the log has grown, or waited, enough."""

    def __init__(
        self,
        kv: KeyValue,
        log: Log,
        writer: SnapshotWriter,
        cleaner: Cleaner,
        *,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._kv = kv
        self._log = log
        self._writer = writer
        self._cleaner = cleaner
        self._limits = limits
        self._waiting = _Waiting(log, clock)
        self._trouble = Trouble(logger, over="there are checkpoints again")

    async def run(self) -> None:
        """Make checkpoints, for ever; at first clean up what a crash left behind."""
        await self._try(self._cleaner.clean, "nothing was cleaned up")
        failures = 0
        while True:
            while not self._is_due():
                await self._move_or_age()
            if await self._try(partial(self._checkpoint, self._is_due), "a checkpoint failed"):
                failures = 0
            else:
                pause = min(self._limits.retry * 2**failures, MAX_RETRY)
                failures += pause < MAX_RETRY
                await asyncio.sleep(pause.total_seconds())

    async def _try(self, work: Callable[[], Awaitable[None]], failed: str) -> bool:
        try:
            await work()
        except StateLostError:
            raise
        except AgolaError as error:
            text = f"{failed}; trying again later: {error.message} ({error.reason})"
            self._trouble.say(text, level=level_of(error))
            return False
        self._trouble.end()
        return True

    async def checkpoint(self) -> None:
        """Fold what is in no snapshot yet into a new one; then clean up.

        One process does it at a time.  Should the lock fail, the first to replace the pointer to
        the snapshot wins, and the other one discards what it wrote.  DataDamagedError: what there
        is cannot be built upon, nothing was changed.
        """
        await self._checkpoint(lambda: self._log.overlay.pending > 0)

    async def catch_up(self) -> None:
        """Wait until the present snapshot is known here.

        With a number taken before that, whoever builds upon an old snapshot has an old number too:
        so the snapshot with the highest number is never one whose files are being cleaned up.
        """
        entry = await self._kv.get(SNAPSHOT)
        if entry is None:
            raise StateLostError("is gone")
        while self._log.snapshot_revision < entry.mod_revision:
            await self._log.moved()

    def _is_due(self) -> bool:
        return (
            self._log.overlay.pending >= self._limits.checkpoint_wals
            or self._log.overlay.pending_bytes >= self._limits.checkpoint_bytes
            or self._waiting.since() >= self._limits.checkpoint_age
        )

    async def _move_or_age(self) -> None:
        """Wait for the log to move; if anything waits there, for its time to come as well."""
        left = self._limits.checkpoint_age - self._waiting.since()
        with suppress(TimeoutError):
            async with asyncio.timeout(left.total_seconds() if self._log.overlay.pending else None):
                await self._log.moved()

    async def _checkpoint(self, needed: Callable[[], bool]) -> None:
        async with self._kv.lock(CHECKPOINT_LOCK, ttl=LOCK_TTL):
            if not needed():
                return
            number = await self._allocate()
            await self.catch_up()
            if needed() and await self._replace_snapshot(number):  # no other process was faster
                await self._cleaner.clean()

    async def _replace_snapshot(self, number: WalSequence) -> bool:
        """Write a snapshot, and let all use it.  False: somebody else was faster."""
        pointer = Compare(SNAPSHOT, self._log.snapshot_revision)
        status = await self._write(number)
        put = Put(SNAPSHOT, number.encode())
        if not (await self._kv.txn([self._log.guard, pointer], [put])).succeeded:
            await self._log.check_epoch()  # a new epoch may have been built upon this very snapshot
            await self._writer.discard(status)
            return False
        await self._used(status)
        return True

    async def _write(self, number: WalSequence) -> DataStatus:
        over, batches = self._log.snapshot, self._log.overlay.batches()
        last = batches[-1].sequence
        changes = await folded(batches)
        del batches  # who has the last one would free all at once, which takes long
        return await self._writer.write(changes, over=over, data_sequence=number, wal_sequence=last)

    async def _used(self, status: DataStatus) -> None:
        while self._log.snapshot.data_sequence < status.data_sequence:
            await self._log.moved()

    async def _allocate(self) -> WalSequence:
        """Take the next number for a snapshot.  Nobody else has it, ever."""
        while True:
            entry = await self._kv.get(DATA_SEQUENCE)
            if entry is None:
                raise StateLostError("is gone")
            number = sequence.following(WalSequence(entry.value.decode()))
            compares = [self._log.guard, Compare(DATA_SEQUENCE, entry.mod_revision)]
            put = Put(DATA_SEQUENCE, number.encode())
            if (await self._kv.txn(compares, [put])).succeeded:
                return number
            await self._log.check_epoch()


class _Waiting:
    """Knows for how long batches have been waiting for a checkpoint."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._snapshot: WalSequence | None = None
        self._began = 0.0

    def since(self) -> timedelta:
        """Say for how long it was seen that there is something behind this very snapshot."""
        if not self._log.overlay.pending:
            self._snapshot = None
            return timedelta()
        if self._snapshot != self._log.snapshot.data_sequence:
            self._snapshot = self._log.snapshot.data_sequence
            self._began = self._clock.monotonic()
        return timedelta(seconds=self._clock.monotonic() - self._began)
