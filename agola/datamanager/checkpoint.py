"""Checkpoints: what the log says is folded into data files, and what is no longer needed goes."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from agola.core.errors import AgolaError, InternalError
from agola.datamanager import sequence
from agola.datamanager.cleaning import Cleaner
from agola.datamanager.layout import (
    CHECKPOINT_LOCK,
    DATA_SEQUENCE,
    SNAPSHOT,
)
from agola.datamanager.limits import Limits
from agola.datamanager.log import Log
from agola.datamanager.port import WalSequence
from agola.datamanager.snapshot_writer import SnapshotWriter
from agola.storage.kv.port import Compare, KeyValue, Put

__all__ = ["Checkpoints", "SnapshotWriter"]

logger = logging.getLogger(__name__)

LOCK_TTL = timedelta(seconds=30)
RETRY_SECONDS = 5.0


class Checkpoints:
    """Makes a checkpoint whenever the log has grown enough."""

    def __init__(
        self, kv: KeyValue, log: Log, writer: SnapshotWriter, cleaner: Cleaner, limits: Limits
    ) -> None:
        self._kv = kv
        self._log = log
        self._writer = writer
        self._cleaner = cleaner
        self._limits = limits

    async def run(self) -> None:
        while True:
            while not self._is_due():
                await self._log.moved()
            try:
                await self._checkpoint_if(self._is_due)
            except AgolaError:
                logger.exception("a checkpoint failed; trying again")
                await asyncio.sleep(RETRY_SECONDS)

    async def checkpoint(self) -> None:
        """Fold what is in no snapshot yet into a new one; then clean up.

        One process does it at a time.  Should the lock fail, the first to replace the pointer to
        the snapshot wins, and what the other one wrote is cleaned up later.
        """
        await self._checkpoint_if(lambda: self._log.pending > 0)

    def _is_due(self) -> bool:
        return (
            self._log.pending >= self._limits.checkpoint_wals
            or self._log.pending_bytes >= self._limits.checkpoint_bytes
        )

    async def _checkpoint_if(self, needed: Callable[[], bool]) -> None:
        async with self._kv.lock(CHECKPOINT_LOCK, ttl=LOCK_TTL):
            if not needed():  # another process was faster
                return
            data_sequence = await self._allocate()
            pointer = Compare(SNAPSHOT, self._log.snapshot_revision)
            status = await self._writer.write(
                dict(self._log.changes()),
                over=self._log.snapshot,
                data_sequence=data_sequence,
                wal_sequence=self._log.last,
            )
            put = Put(SNAPSHOT, status.data_sequence.encode())
            if (await self._kv.txn([pointer], [put])).succeeded:
                while self._log.snapshot.data_sequence < data_sequence:
                    await self._log.moved()
                await self._cleaner.clean()

    async def _allocate(self) -> WalSequence:
        """Take the next number for a snapshot.  Nobody else has it, ever."""
        while True:
            entry = await self._kv.get(DATA_SEQUENCE)
            if entry is None:
                message = "the key-value store lost its head: a restart recovers it"
                raise InternalError(message, reason="KV_STATE_LOST")
            number = sequence.following(WalSequence(entry.value.decode()))
            compare = Compare(DATA_SEQUENCE, entry.mod_revision)
            put = Put(DATA_SEQUENCE, number.encode())
            if (await self._kv.txn([compare], [put])).succeeded:
                return number
