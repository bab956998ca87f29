"""Checkpoints: what the log says is folded into data files, and what is no longer needed goes."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec

from agola.core.errors import AgolaError, InternalError
from agola.core.ids import Ids
from agola.datamanager import sequence
from agola.datamanager.cleaning import Cleaner
from agola.datamanager.datafile import Changes, FileContent, merge, split
from agola.datamanager.layout import (
    CHECKPOINT_LOCK,
    DATA_SEQUENCE,
    SNAPSHOT,
    DataFile,
    DataStatus,
    Paths,
)
from agola.datamanager.limits import Limits
from agola.datamanager.log import Log
from agola.datamanager.port import WalSequence
from agola.datamanager.snapshot import Snapshots
from agola.storage.kv.port import Compare, KeyValue, Put
from agola.storage.objects.port import ObjectStorage

logger = logging.getLogger(__name__)

LOCK_TTL = timedelta(seconds=30)
RETRY_SECONDS = 5.0


class SnapshotWriter:
    """Writes snapshots: the files that changed, and a status that names them and the others."""

    def __init__(
        self, objects: ObjectStorage, paths: Paths, snapshots: Snapshots, ids: Ids, limits: Limits
    ) -> None:
        self._objects = objects
        self._paths = paths
        self._snapshots = snapshots
        self._ids = ids
        self._limits = limits

    async def write(
        self,
        changes: dict[str, Changes],
        *,
        over: DataStatus,
        data_sequence: WalSequence,
        wal_sequence: WalSequence,
    ) -> DataStatus:
        """Write the snapshot that *over* becomes by *changes*.  It is there when its status is."""
        files = dict(over.files)
        for data_type, changed in changes.items():
            if changed:
                old = files.get(data_type, ())
                files[data_type] = await self._fold(data_type, old, changed, data_sequence)
        status = DataStatus(
            data_sequence=data_sequence,
            wal_sequence=wal_sequence,
            files={data_type: each for data_type, each in files.items() if each},
        )
        await self._objects.write(self._paths.status(data_sequence), msgspec.json.encode(status))
        return status

    async def _fold(
        self, data_type: str, old: Sequence[DataFile], changes: Changes, name: WalSequence
    ) -> tuple[DataFile, ...]:
        result: list[DataFile] = []
        files: list[DataFile | None] = [*old] or [None]
        parts = split(changes, [file.last_id for file in old])
        for file, part in zip(files, parts, strict=True):
            if file is not None and not part:
                result.append(file)
                continue
            raw = b"" if file is None else await self._snapshots.read_file(data_type, file)
            size = self._limits.max_file_bytes
            contents = await asyncio.to_thread(merge, data_type, raw, part, max_bytes=size)
            result += [await self._put(data_type, content, name) for content in contents]
        return tuple(result)

    async def _put(self, data_type: str, content: FileContent, name: WalSequence) -> DataFile:
        file = DataFile(id=f"{name}-{self._ids.uuid()}", last_id=content.last_id)
        index = await asyncio.to_thread(msgspec.json.encode, content.index)
        await self._objects.write(self._paths.data_file(data_type, file.id), bytes(content.data))
        await self._objects.write(self._paths.index(data_type, file.id), index)
        return file


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
