"""Locks, made of what every driver has: a lease, a compare and a watch."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from agola.core.errors import OutOfRangeError
from agola.storage.kv.port import (
    Compare,
    KeyValue,
    Lease,
    LeaseID,
    Lock,
    Put,
    Revision,
    lock_key,
)


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lease, and the key that was put with it."""

    lease: Lease
    held: Compare

    @property
    def id(self) -> LeaseID:
        return self.lease.id

    async def lost(self) -> None:
        await self.lease.lost()


@asynccontextmanager
async def locking(store: KeyValue, name: str, ttl: timedelta) -> AsyncGenerator[Lock, None]:
    """Hold the lock *name* of *store* while the block runs.

    Who waits longest is not served first: locks here are held for long and by few.
    """
    key = lock_key(name)
    async with store.lease(ttl) as lease:
        while True:
            outcome = await store.txn([Compare(key, Revision(0))], [Put(key, b"", lease.id)])
            if outcome.succeeded:
                break
            await _deleted(store, key, outcome.revision)
        yield HeldLock(lease, Compare(key, outcome.revision))


async def _deleted(store: KeyValue, key: str, after: Revision) -> None:
    """Wait until *key* may be free: it was deleted, or nobody knows any more."""
    try:
        async with aclosing(store.watch(key, after=after)) as stream:
            async for told in stream:
                if any(change.key == key and change.entry is None for change in told.changes):
                    return
    except OutOfRangeError:
        return
