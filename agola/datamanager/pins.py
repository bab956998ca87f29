"""Pins: what keeps a snapshot as long as somebody reads it, whichever process cleans up."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from agola.core.ids import Ids
from agola.datamanager.layout import PINS, SNAPSHOT, DataStatus
from agola.datamanager.log import Log
from agola.datamanager.overlay import Newest
from agola.datamanager.port import WalSequence
from agola.storage.kv.port import Compare, KeyValue, Lease, Put

PIN_TTL = timedelta(seconds=30)
"""The snapshot of a reader that died stays for so long."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A snapshot, what happened since, and the last batch that did."""

    status: DataStatus
    newest: dict[str, dict[str, Newest]]
    position: WalSequence


async def pinned(kv: KeyValue) -> set[WalSequence]:
    """Say which snapshots somebody reads.

    Only the present one is ever pinned.  So whoever first chooses old snapshots to delete, and then
    finds that they are not pinned, may delete them.
    """
    page = await kv.range(PINS)
    return {WalSequence(entry.value.decode()) for entry in page.entries}


@asynccontextmanager
async def pinning(kv: KeyValue, log: Log, ids: Ids) -> AsyncGenerator[tuple[Moment, Lease], None]:
    """Keep the present moment while the block runs, or until the lease is lost."""
    async with kv.lease(PIN_TTL) as lease:
        key = PINS + ids.uuid()
        while True:
            moment = Moment(log.snapshot, log.overlay.copy(), log.last)
            present = Compare(SNAPSHOT, log.snapshot_revision)
            put = Put(key, moment.status.data_sequence.encode(), lease.id)
            if (await kv.txn([log.guard, present], [put])).succeeded:
                break
            await log.check_epoch()
            while log.snapshot_revision == present.mod_revision:
                await log.moved()
        yield moment, lease
