"""Files of an epoch that never began."""

from agola.datamanager.layout import REPLACING, Paths, sequence_in
from agola.datamanager.port import WalSequence
from agola.datamanager.snapshot import Snapshots
from agola.datamanager.wal import list_all
from agola.storage.kv.port import Compare, Delete, KeyValue, Put
from agola.storage.objects.port import ObjectStorage


class Leftovers:
    """Remembers what is being written until it counts.

    No cleaner touches it: that would have to know of newer epochs than its own.
    """

    def __init__(
        self, kv: KeyValue, objects: ObjectStorage, paths: Paths, snapshots: Snapshots
    ) -> None:
        self._kv = kv
        self._objects = objects
        self._paths = paths
        self._snapshots = snapshots

    async def announce(self, number: WalSequence) -> None:
        """Say that files of a new epoch are about to be written."""
        await self._kv.txn([], [Put(REPLACING, number.encode())])

    async def sweep(self) -> None:
        """Delete what somebody left who died.  Who does so holds INIT_LOCK."""
        entry = await self._kv.get(REPLACING)
        if entry is not None:
            await self.forget(WalSequence(entry.value.decode()))

    async def forget(self, number: WalSequence) -> None:
        """Delete the files of an epoch, unless there is a snapshot of them.

        They are of one replacement: who lost the lock meanwhile touches nothing of another one.
        """
        if number not in await self._snapshots.statuses():
            for info in await list_all(self._objects, self._paths.data):
                if sequence_in(info.path) == number:
                    await self._objects.delete(info.path)
        entry = await self._kv.get(REPLACING)
        if entry is not None and entry.value.decode() == number:
            await self._kv.txn([Compare(REPLACING, entry.mod_revision)], [Delete(REPLACING)])
