"""The embedded key-value store: one SQLite file, one process."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from agola.core.errors import UnavailableError
from agola.storage.kv.embedded.commits import Commits
from agola.storage.kv.embedded.file import connected, owned, translated
from agola.storage.kv.embedded.history import History
from agola.storage.kv.embedded.ledger import Ledger
from agola.storage.kv.embedded.watchers import Watchers
from agola.storage.kv.limits import check_txn
from agola.storage.kv.locking import locking
from agola.storage.kv.port import (
    Changes,
    Compare,
    Entry,
    KeyValue,
    Lease,
    LeaseID,
    Lock,
    Operation,
    Outcome,
    Page,
    Revision,
)


@asynccontextmanager
async def opening(path: Path) -> AsyncGenerator[KeyValue, None]:
    """Open the store in the file *path*, alone: PreconditionError `KV_IN_USE`.

    Reads are short statements on the event loop, which an unlimited range holds for about six
    microseconds per entry.  Commits have a thread, see `Commits`.
    """
    with owned(path), connected(path) as reader, connected(path) as writer:
        watchers = Watchers()
        commits = Commits(writer, watchers.happened)
        committing = asyncio.create_task(commits.serve())
        try:
            await _revoke(_leases(reader), commits)
            yield _EmbeddedKeyValue(History(reader), commits, watchers)
        finally:
            watchers.close()
            commits.close()
            await committing


def _leases(db: sqlite3.Connection) -> list[LeaseID]:
    with translated():
        return [lease for (lease,) in db.execute("SELECT id FROM lease")]


async def _revoke(leases: list[LeaseID], commits: Commits) -> None:
    """End the leases of an earlier process: the file was its alone, so it is dead.

    Leases of this process need no clock.  They end with their block, or with the process.
    """
    for lease in leases:
        await commits.run(partial(Ledger.revoke, lease=lease))


@dataclass(frozen=True, slots=True)
class _HeldLease:
    id: LeaseID

    async def lost(self) -> None:
        await asyncio.get_running_loop().create_future()  # never: holder and store are one process


class _EmbeddedKeyValue:
    def __init__(self, history: History, commits: Commits, watchers: Watchers) -> None:
        self._history = history
        self._commits = commits
        self._watchers = watchers

    async def get(self, key: str) -> Entry | None:
        return self._history.get(key)

    async def range(
        self, prefix: str, *, after: str = "", limit: int = 0, revision: Revision | None = None
    ) -> Page:
        return self._history.range(prefix, after, limit, revision)

    async def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
    ) -> Outcome:
        check_txn(compares, success, failure)
        return await self._commits.run(lambda ledger: ledger.txn(compares, success, failure))

    async def watch(
        self, prefix: str, *, after: Revision, previous: bool = False
    ) -> AsyncGenerator[Changes, None]:
        told = after
        with self._watchers.watching(prefix, after) as watcher:
            while True:
                if watcher.behind:
                    batch, watcher.position, watcher.behind = self._history.changes(
                        prefix, watcher.position, previous=previous
                    )
                    for changes in batch:
                        yield changes
                        told = changes.revision
                    await asyncio.sleep(0)  # a long history is not read in one go
                elif watcher.position > told:
                    told = watcher.position
                    yield Changes(told, ())
                else:
                    await watcher.stirred()

    @asynccontextmanager
    async def lease(self, ttl: timedelta) -> AsyncGenerator[Lease, None]:
        seconds = ttl.total_seconds()
        lease = await self._commits.run(lambda ledger: ledger.grant(seconds))
        try:
            yield _HeldLease(lease)
        finally:
            with suppress(UnavailableError):  # a store that is closed lets it expire, later
                await self._commits.run(lambda ledger: ledger.revoke(lease))

    def lock(self, name: str, *, ttl: timedelta) -> AbstractAsyncContextManager[Lock]:
        return locking(self, name, ttl)

    async def compact(self, revision: Revision) -> None:
        await self._commits.run(lambda ledger: ledger.compact(revision))
