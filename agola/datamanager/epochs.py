"""Epochs: which one there is, and how the next one begins.

A new epoch comes to be in object storage, as a snapshot of everything, and there it wins over
whatever the key-value store says.  That is emptied then, and written anew.  A crash on the way only
means that the next start does it again.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from agola.core.clock import Clock
from agola.core.errors import UnavailableError
from agola.datamanager import sequence
from agola.datamanager.layout import (
    DATA_SEQUENCE,
    HEAD,
    LOG,
    RESERVED,
    SNAPSHOT,
    SURVIVING,
    WALS,
    WalHeader,
    epoch_key,
    sequence_in,
)
from agola.datamanager.port import WalSequence
from agola.datamanager.snapshot import Snapshots
from agola.datamanager.wal import WalObjects
from agola.storage.kv.port import (
    MAX_TXN_OPERATIONS,
    Compare,
    Delete,
    Entry,
    KeyValue,
    Lock,
    Put,
    Revision,
)

PAGE_KEYS = 1000


class Epochs:
    """Begins epochs.  Who does so holds the lock INIT_LOCK."""

    def __init__(
        self, kv: KeyValue, wals: WalObjects, snapshots: Snapshots, *, clock: Clock
    ) -> None:
        self._kv = kv
        self._wals = wals
        self._snapshots = snapshots
        self._clock = clock

    async def what_is_wrong(self) -> str | None:
        """Say why the key-value store cannot be used as it is, if so.

        Object storage must not be ahead of it: nothing is written there as committed, or as a
        snapshot, before the key-value store knows.  It is read first, so that what others do
        meanwhile is no evidence.
        """
        marked = await self._wals.newest_marked()
        statuses = await self._snapshots.statuses()
        head, allocated = await asyncio.gather(self._kv.get(HEAD), self._kv.get(DATA_SEQUENCE))
        if head is None or allocated is None:
            return "it is empty"
        last = sequence_in(head.value.decode())
        guard, pointer = await asyncio.gather(self._kv.get(epoch_key(last)), self._kv.get(SNAPSHOT))
        if guard is None or pointer is None:
            return "it is incomplete"
        if marked is not None and marked > last:
            return f"it ends with batch {last}, object storage has {marked}"
        if statuses and statuses[-1] > allocated.value.decode():
            return f"it knows no snapshot {statuses[-1]}, which object storage has"
        return None

    async def reserve(self, lock: Lock) -> WalSequence:
        """Take the first number of a new epoch: behind everything that has one, or will have.

        Whoever loses the lock to somebody else, and goes on without noticing, writes what sorts
        before all that the other one does, whatever their clocks say.  UnavailableError.
        """
        reserved = await self._kv.get(RESERVED)
        number = await self._next([] if reserved is None else [reserved])
        seen = Compare(RESERVED, Revision(0) if reserved is None else reserved.mod_revision)
        put = Put(RESERVED, number.encode())
        if not (await self._kv.txn([lock.held, seen], [put])).succeeded:
            raise overtaken()
        return number

    async def _next(self, reserved: Sequence[Entry]) -> WalSequence:
        entries = [await self._kv.get(HEAD), await self._kv.get(DATA_SEQUENCE), *reserved]
        known = [sequence_in(entry.value.decode()) for entry in entries if entry is not None]
        known += await self._snapshots.statuses()
        if (marked := await self._wals.newest_marked()) is not None:
            known.append(marked)
        epochs = [sequence.epoch_of(each) + 1 for each in known]
        return sequence.first(max([int(self._clock.now().timestamp()), *epochs]))

    async def begin(
        self, number: WalSequence, lock: Lock, *, keep: Sequence[str] = SURVIVING
    ) -> None:
        """Empty the key-value store but for *keep*, and begin an epoch whose snapshot is there.

        UnavailableError: somebody else took over, or the next start does it.
        """
        # the same whoever begins it: somebody who comes late writes over it what is there
        first = WalHeader(sequence=number, previous=None, data_id=f"{number}-first")
        await self._wals.write_data(first, [])
        await self._wals.mark(first)
        await self._empty(lock, keep)
        entered = await self._kv.txn(
            [lock.held, Compare(HEAD, Revision(0))],
            [
                Put(HEAD, first.data_id.encode()),
                Put(epoch_key(number), b""),
                Put(WALS + number, msgspec.json.encode(first)),
                Put(SNAPSHOT, number.encode()),
                Put(DATA_SEQUENCE, number.encode()),
            ],
        )
        if not entered.succeeded:
            raise overtaken()

    async def check_held(self, lock: Lock) -> None:
        """UnavailableError when the lock was lost: then somebody else may be at it already."""
        if not (await self._kv.txn([lock.held], [])).succeeded:
            raise overtaken()

    async def _empty(self, lock: Lock, keep: Sequence[str]) -> None:
        if not (await self._kv.txn([lock.held], [Delete(LOG, prefix=True)])).succeeded:
            raise overtaken()  # with the log, so that whoever still uses it notices at once
        after = ""
        while True:
            page = await self._kv.range("", after=after, limit=PAGE_KEYS)
            keys = [each.key for each in page.entries if not each.key.startswith(tuple(keep))]
            for start in range(0, len(keys), MAX_TXN_OPERATIONS):
                chunk = [Delete(key) for key in keys[start : start + MAX_TXN_OPERATIONS]]
                if not (await self._kv.txn([lock.held], chunk)).succeeded:
                    raise overtaken()
            if not page.more:
                return
            after = page.entries[-1].key


def overtaken() -> UnavailableError:
    """Say that somebody else holds the lock by now."""
    message = "the lock was lost while the key-value store was made ready: try again"
    return UnavailableError(message, reason="KV_UNAVAILABLE")
