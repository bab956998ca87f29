"""Everything anew: what an import brings takes the place of all that is there."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from agola.core.clock import Clock, SystemClock
from agola.core.errors import BadRequestError
from agola.core.ids import Ids, RandomIds
from agola.datamanager import record
from agola.datamanager.datafile import Piece
from agola.datamanager.decision import Decision
from agola.datamanager.epochs import Epochs, overtaken
from agola.datamanager.layout import INIT_LOCK, DataFile, DataStatus, Paths, is_data_type
from agola.datamanager.leftovers import Leftovers
from agola.datamanager.limits import Limits
from agola.datamanager.port import Action, Replacement, StoredObject, WalSequence
from agola.datamanager.recovery import LOCK_TTL
from agola.datamanager.snapshot import Snapshots
from agola.datamanager.snapshot_writer import SnapshotWriter
from agola.datamanager.wal import WalObjects
from agola.storage.kv.port import KeyValue, Lock
from agola.storage.objects.port import ObjectStorage

LOCKS = "locks/"


@asynccontextmanager
async def replacing(
    kv: KeyValue,
    objects: ObjectStorage,
    base: str,
    *,
    keep: Sequence[str] = (),
    clock: Clock | None = None,
    ids: Ids | None = None,
    limits: Limits | None = None,
) -> AsyncGenerator[Replacement, None]:
    """Replace all objects below *base* by those that the block puts and commits.

    Of the key-value store stays what is below *keep*, and locks.  A block that does not commit
    changes nothing and leaves nothing behind.  Use it while no datamanager is open; one that is
    opened meanwhile waits for the end of the block.
    """
    clock, ids, limits = clock or SystemClock(), ids or RandomIds(), limits or Limits()
    paths = Paths(base)
    snapshots = Snapshots(objects, paths)
    epochs = Epochs(kv, WalObjects(objects, paths), snapshots, clock=clock)
    writer = SnapshotWriter(objects, paths, snapshots, ids, limits)
    leftovers = Leftovers(kv, objects, paths, snapshots)
    decision = Decision(kv, objects, paths, epochs)
    async with kv.lock(INIT_LOCK, ttl=LOCK_TTL) as lock:
        await decision.carry_out(lock)
        await leftovers.sweep()
        number = await epochs.reserve(lock)
        await leftovers.announce(number)
        replacement = _Replacement(
            number, writer, decision, lock, keep=(*keep, LOCKS), file_bytes=limits.max_file_bytes
        )
        try:
            yield replacement
        finally:
            if not replacement.decided:
                await leftovers.forget(number)


class _Replacement:
    """Writes the snapshot with which a new epoch begins.  In memory is one data file at most."""

    def __init__(
        self,
        number: WalSequence,
        writer: SnapshotWriter,
        decision: Decision,
        lock: Lock,
        *,
        keep: Sequence[str],
        file_bytes: int,
    ) -> None:
        self._number = number
        self._writer = writer
        self._decision = decision
        self._lock = lock
        self._keep = keep
        self._file_bytes = file_bytes
        self._order = _Order()
        self._files: dict[str, tuple[DataFile, ...]] = {}
        self._pieces: list[Piece] = []
        self._size = 0
        self.decided = False
        """Whether it counts, perhaps: then nothing of it may be deleted."""

    async def put(self, stored: StoredObject) -> None:
        before = self._order.data_type
        self._order.check(stored)
        piece = Piece(stored.id, record.encode(Action(stored.data_type, stored.id, stored.data)))
        if before != stored.data_type or self._size + len(piece.data) > self._file_bytes:
            await self._flush(before)
        self._pieces.append(piece)
        self._size += len(piece.data)

    async def commit(self) -> WalSequence:
        await self._flush(self._order.data_type)
        status = DataStatus(
            data_sequence=self._number, wal_sequence=self._number, files=self._files
        )
        await self._decision.propose(status)
        self.decided = True
        self.decided = await self._decision.decide(self._number, self._lock)
        if not self.decided:
            raise overtaken()
        await self._decision.carry_out(self._lock, keep=self._keep)
        return self._number

    async def _flush(self, data_type: str) -> None:
        pieces, self._pieces, self._size = self._pieces, [], 0
        if pieces:
            async with self._writer.data_files(data_type, self._number) as files:
                written = await files.write(_each(pieces))
            self._files[data_type] = (*self._files.get(data_type, ()), *written)


class _Order:
    """Sees that types come together, and their objects in the order of their ids."""

    def __init__(self) -> None:
        self.data_type = ""
        self._last_id = ""
        self._seen: set[str] = set()

    def check(self, stored: StoredObject) -> None:
        """BadRequestError (`EXPORT_INVALID`)."""
        what = f"{stored.data_type} {stored.id!r}"
        if stored.data_type != self.data_type:
            if stored.data_type in self._seen:
                raise _invalid(f"{what} comes apart from others of its type", stored)
            if not is_data_type(stored.data_type):  # it names a folder
                raise _invalid(f"{stored.data_type!r} is no data type", stored)
            self._seen.add(stored.data_type)
        elif stored.id <= self._last_id:
            raise _invalid(f"{what} comes behind {self._last_id!r}", stored)
        if not stored.id:
            raise _invalid(f"an object of type {stored.data_type} has no id", stored)
        self.data_type, self._last_id = stored.data_type, stored.id


async def _each(pieces: list[Piece]) -> AsyncGenerator[Piece, None]:
    for piece in pieces:
        yield piece


def _invalid(message: str, stored: StoredObject) -> BadRequestError:
    return BadRequestError(
        message, reason="EXPORT_INVALID", dataType=stored.data_type, id=stored.id
    )
