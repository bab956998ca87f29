"""Which snapshots and data files go, and which stay."""

import asyncio

from agola.core.errors import NotExistError
from agola.datamanager.layout import DataStatus, Paths, sequence_in
from agola.datamanager.log import Log
from agola.datamanager.pins import pinned
from agola.datamanager.port import WalSequence
from agola.datamanager.snapshot import Snapshots
from agola.datamanager.wal import list_all
from agola.storage.kv.port import KeyValue
from agola.storage.objects.port import ObjectStorage


class SnapshotCleaner:
    """Deletes old snapshots, and the files that are of none that stay.

    What is newer than the newest snapshot stays as well: it belongs to a checkpoint under way.  All
    files are listed once, later only those that came since.
    """

    def __init__(
        self,
        kv: KeyValue,
        objects: ObjectStorage,
        paths: Paths,
        log: Log,
        *,
        snapshots: Snapshots,
        keep: int,
    ) -> None:
        self._kv = kv
        self._objects = objects
        self._paths = paths
        self._log = log
        self._snapshots = snapshots
        self._keep = keep
        self._statuses: dict[WalSequence, DataStatus] = {}
        self._files: dict[str, set[str]] = {}
        self._listed: WalSequence | None = None
        self._cleaning = asyncio.Lock()

    async def clean(self) -> list[DataStatus]:
        """Give the snapshots that stay; nothing when another process knows more than this one.

        DataDamagedError: one that stays is damaged, none goes.
        """
        async with self._cleaning:
            return await self._clean()

    async def _clean(self) -> list[DataStatus]:
        present = await self._snapshots.statuses()
        current = self._log.snapshot
        old = {each for each in present[: -self._keep] if each < current.data_sequence}
        old -= await pinned(self._kv)  # only the present snapshot is ever pinned, so none of these
        try:
            kept = [await self._status(each) for each in present if each not in old]
        except NotExistError:  # the other process cleans up
            return []
        for data_sequence in sorted(old):
            await self._objects.delete(self._paths.status(data_sequence))
        self._statuses = {status.data_sequence: status for status in kept}
        await self._clean_files([*kept, current], max(current.data_sequence, *present))
        return [*kept, current]

    async def _status(self, data_sequence: WalSequence) -> DataStatus:
        known = self._statuses.get(data_sequence)
        return known or await self._snapshots.status(data_sequence)

    async def _clean_files(self, kept: list[DataStatus], newest: WalSequence) -> None:
        for data_type in {data_type for status in kept for data_type in status.files}:
            self._files.setdefault(data_type, set())
        await self._list_files(newest)
        for data_type, present in self._files.items():
            used = {file.id for status in kept for file in status.files.get(data_type, ())}
            for file_id in sorted(present - used):
                if sequence_in(file_id) <= newest:
                    await self._objects.delete(self._paths.data_file(data_type, file_id))
                    await self._objects.delete(self._paths.index(data_type, file_id))
                    present.discard(file_id)

    async def _list_files(self, newest: WalSequence) -> None:
        """Learn of the files that are there, or of those that came since that was done last."""
        if self._listed is None:
            await self._learn(self._paths.data, "")
        else:
            for data_type in self._files:
                folder = f"{self._paths.data}{data_type}/"
                await self._learn(folder, f"{folder}{self._listed}~")  # "~" sorts behind the "-"
        self._listed = newest

    async def _learn(self, folder: str, after: str) -> None:
        for info in await list_all(self._objects, folder, after=after):
            data_type, _, name = info.path.removeprefix(self._paths.data).rpartition("/")
            file_id, _, kind = name.rpartition(".")
            if kind in {"data", "index"}:
                self._files.setdefault(data_type, set()).add(file_id)
