"""Live state in the key-value store: a picture fed by one watch, and compare-and-swap."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from agola.core.background import background
from agola.core.clock import Clock
from agola.core.errors import OutOfRangeError, UnavailableError
from agola.model.executor import ExecutorID
from agola.model.run import Run
from agola.model.run_config import RunID
from agola.services.runservice.ports.live import AnyKey, Change, Touched, Wake
from agola.services.runservice.store.bells import Bells
from agola.services.runservice.store.picture import Picture
from agola.storage.kv.port import (
    Changes,
    Compare,
    Delete,
    Entry,
    KeyValue,
    Operation,
    Outcome,
    Put,
    Revision,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")
PREFIX = "live/"
CHUNK_OPERATIONS = 100
"""How many operations go into one transaction; what they depend on is compared as well."""
RETRY_SECONDS = 0.5

Transaction: TypeAlias = tuple[list[Compare], list[Operation]]


class KeyValueLiveState(Picture):
    """Runs, tasks, executor tasks and executors in the key-value store."""

    def __init__(self, kv: KeyValue, clock: Clock) -> None:
        super().__init__(clock)
        self._kv = kv
        self._bells = Bells()
        self._reached = asyncio.Condition()
        self.revision = Revision(0)

    async def load(self) -> None:
        """Take the picture anew.  Rings for everything that is, or is no more."""
        page = await self._kv.range(PREFIX)
        fresh: dict[str, Entry | None] = {
            entry.key.removeprefix(PREFIX): entry for entry in page.entries
        }
        gone: dict[str, Entry | None] = dict.fromkeys(self.keys() - fresh.keys())
        await self._show(gone | fresh, page.revision)

    async def follow(self) -> None:
        """Keep the picture true, for ever."""
        known = True
        while True:
            try:
                if not known:
                    await self.load()
                    known = True
                watch = self._kv.watch(PREFIX, after=self.revision)
                async with aclosing(watch) as history:
                    async for changes in history:
                        await self._show(_by_path(changes), changes.revision)
            except OutOfRangeError:
                self.revision = Revision(0)
                known = False
            except UnavailableError as error:
                logger.warning("the live state is out of reach: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def change(self, decide: Callable[[], Change]) -> None:
        while not await self._try(self._transactions(decide())):
            pass

    async def seen(self, key: AnyKey) -> None:
        entry = await self._kv.get(PREFIX + key.path)
        written = entry.mod_revision if entry else 0
        async with self._reached:
            await self._reached.wait_for(lambda: self.revision >= written)

    def watching_run(self, run_id: RunID) -> AbstractContextManager[Wake]:
        return self._bells.watching(run_id)

    def watching_executor(self, executor_id: ExecutorID) -> AbstractContextManager[Wake]:
        return self._bells.watching(executor_id)

    def listening(self, listener: Callable[[Touched], None]) -> AbstractContextManager[None]:
        return self._bells.listening(listener)

    async def _show(self, changes: dict[str, Entry | None], revision: Revision) -> None:
        touched = [self.apply(path, entry) for path, entry in changes.items()]
        self.revision = revision
        self._bells.ring(
            Touched(
                frozenset().union(*(one.runs for one in touched)),
                frozenset().union(*(one.executors for one in touched)),
            )
        )
        async with self._reached:
            self._reached.notify_all()

    async def _try(self, transactions: Sequence[Transaction]) -> bool:
        for compares, operations in transactions:
            outcome = await self._kv.txn(compares, operations)
            await self._catch_up(outcome, compares)
            if not outcome.succeeded:
                return False
        return True

    def _transactions(self, change: Change) -> list[Transaction]:
        """Cut a change into transactions, each on the condition that nothing was changed.

        All compares are made here, before anything is awaited: they say what `decide` saw.
        """
        puts = [(key, Put(PREFIX + key.path, _encode(value))) for key, value in change.put.items()]
        operations: list[tuple[AnyKey, Operation]] = [
            *(one for one in puts if one[0].type is not Run),
            *((key, Delete(PREFIX + key.path)) for key in change.delete),
            *(one for one in puts if one[0].type is Run),
        ]
        unchanged = [self._as_seen(key) for key in change.unchanged]
        return [
            (
                list({*unchanged, *(self._as_seen(key) for key, _ in chunk)}),
                [operation for _, operation in chunk],
            )
            for chunk in _chunks(operations)
        ]

    def _as_seen(self, key: AnyKey) -> Compare:
        return Compare(PREFIX + key.path, self.revision_of(key))

    async def _catch_up(self, outcome: Outcome, compares: Sequence[Compare]) -> None:
        """Wait until the picture shows a transaction, or why it failed."""
        async with self._reached:
            if outcome.succeeded:
                await self._reached.wait_for(lambda: self.revision >= outcome.revision)
            else:
                await self._reached.wait_for(lambda: self._moved(compares))

    def _moved(self, compares: Sequence[Compare]) -> bool:
        return any(
            self._revisions.get(compare.key.removeprefix(PREFIX), 0) != compare.mod_revision
            for compare in compares
        )


@asynccontextmanager
async def live_state(kv: KeyValue, clock: Clock) -> AsyncGenerator[KeyValueLiveState, None]:
    """Give the live state, its picture loaded, and keep that true while the block runs."""
    live = KeyValueLiveState(kv, clock)
    await live.load()
    async with background(live.follow):
        yield live


def _by_path(changes: Changes) -> dict[str, Entry | None]:
    return {change.key.removeprefix(PREFIX): change.entry for change in changes.changes}


def _encode(value: Struct | str) -> bytes:
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), CHUNK_OPERATIONS):
        yield items[start : start + CHUNK_OPERATIONS]
