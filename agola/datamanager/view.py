"""All objects as of one moment."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager

from agola.core.background import background
from agola.core.errors import UnavailableError
from agola.core.ids import Ids
from agola.datamanager.errors import DataDamagedError
from agola.datamanager.log import Log
from agola.datamanager.overlay import Newest
from agola.datamanager.pins import Moment, pinned, pinning
from agola.datamanager.port import StoredObject, WalSequence
from agola.datamanager.snapshot import SnapshotGoneError, Snapshots
from agola.storage.kv.port import KeyValue, Lease


@asynccontextmanager
async def viewing(
    kv: KeyValue, log: Log, snapshots: Snapshots, ids: Ids
) -> AsyncGenerator["PinnedView", None]:
    """Keep a view of what is committed now, while the block runs."""
    async with pinning(kv, log, ids) as (moment, lease):
        lost = asyncio.Event()

        async def watch(lease: Lease = lease) -> None:
            await lease.lost()
            lost.set()

        async with background(watch):
            yield PinnedView(kv, moment, snapshots, lost)


class PinnedView:
    """A View whose snapshot is pinned, until *lost* is set."""

    def __init__(
        self, kv: KeyValue, moment: Moment, snapshots: Snapshots, lost: asyncio.Event
    ) -> None:
        self._kv = kv
        self._moment = moment
        self._snapshots = snapshots
        self._lost = lost

    @property
    def position(self) -> WalSequence:
        return self._moment.position

    def types(self) -> list[str]:
        return sorted(self._moment.status.files.keys() | self._moment.newest.keys())

    async def scan(self, data_type: str, *, after: str = "") -> AsyncGenerator[StoredObject, None]:
        old = self._snapshots.scan(self._moment.status, data_type, after=after)
        newest = self._moment.newest.get(data_type, {})
        try:
            async with aclosing(overlaid(old, newest, data_type, after=after)) as objects:
                async for stored in objects:
                    self._check()
                    yield stored
        except SnapshotGoneError as error:
            if self._moment.status.data_sequence not in await pinned(self._kv):
                raise _lost() from error
            raise DataDamagedError(error.missing, "it is missing") from error
        self._check()

    def _check(self) -> None:
        if self._lost.is_set():
            raise _lost()


async def overlaid(
    old: AsyncGenerator[StoredObject, None],
    newest: Mapping[str, Newest],
    data_type: str,
    *,
    after: str,
) -> AsyncGenerator[StoredObject, None]:
    """Merge what happened to objects since a snapshot into a scan of that."""
    changed = {each: value.data for each, value in newest.items()}
    added = iter(sorted((each, data) for each, data in changed.items() if each > after))
    change = next(added, None)
    async with aclosing(old) as objects:
        async for stored in objects:
            while change is not None and change[0] <= stored.id:
                if change[1] is not None:
                    yield StoredObject(data_type, change[0], change[1])
                change = next(added, None)
            if stored.id not in changed:
                yield stored
    while change is not None:
        if change[1] is not None:
            yield StoredObject(data_type, change[0], change[1])
        change = next(added, None)


def _lost() -> UnavailableError:
    message = "the objects of that moment could not be kept for so long: begin again"
    return UnavailableError(message, reason="VIEW_LOST")
