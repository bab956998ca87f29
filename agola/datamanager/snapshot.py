"""Reading a snapshot: all objects as of one batch."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from agola.core.errors import NotExistError, UnavailableError
from agola.datamanager import record
from agola.datamanager.layout import DataFile, DataStatus, Paths, sequence_in
from agola.datamanager.port import StoredObject, WalSequence
from agola.datamanager.wal import list_all, read_whole
from agola.storage.objects.port import ObjectStorage

Index = dict[str, tuple[int, int]]
MAX_CACHED_INDEXES = 64
_index_decoder = msgspec.json.Decoder(Index)


class Snapshots:
    """Reads the files of snapshots, whose indexes it keeps: a file never changes."""

    def __init__(self, objects: ObjectStorage, paths: Paths) -> None:
        self._objects = objects
        self._paths = paths
        self._indexes: OrderedDict[str, Index] = OrderedDict()

    async def status(self, data_sequence: WalSequence) -> DataStatus:
        """Read what a snapshot is made of.  NotExistError."""
        raw = await read_whole(self._objects, self._paths.status(data_sequence))
        return msgspec.json.decode(raw, type=DataStatus)

    async def statuses(self) -> list[WalSequence]:
        """Say which snapshots there are, the newest last."""
        infos = await list_all(self._objects, self._paths.data, recursive=False)
        return [sequence_in(info.path) for info in infos if info.path.endswith(".status")]

    async def read(self, status: DataStatus, data_type: str, object_id: str) -> bytes | None:
        """Read one object, or None.  UnavailableError (`SNAPSHOT_GONE`): use a newer status."""
        file = _file_for(status.files.get(data_type, ()), object_id)
        if file is None:
            return None
        try:
            place = (await self._index(data_type, file)).get(object_id)
            if place is None:
                return None
            path = self._paths.data_file(data_type, file.id)
            async with aclosing(self._objects.read(path, offset=place[0], size=place[1])) as pieces:
                return b"".join([piece async for piece in pieces])
        except NotExistError as error:
            raise _gone(status) from error

    async def scan(
        self, status: DataStatus, data_type: str, *, after: str
    ) -> AsyncGenerator[StoredObject, None]:
        """Read the objects of a type behind *after*, by id, a file at a time."""
        for file in status.files.get(data_type, ()):
            if file.last_id <= after:
                continue
            try:
                raw = await self.read_file(data_type, file)
            except NotExistError as error:
                raise _gone(status) from error
            for each in record.parse(raw):
                if each.action.id > after and each.action.data is not None:
                    yield StoredObject(data_type, each.action.id, each.action.data)

    async def read_file(self, data_type: str, file: DataFile) -> bytes:
        return await read_whole(self._objects, self._paths.data_file(data_type, file.id))

    async def _index(self, data_type: str, file: DataFile) -> Index:
        index = self._indexes.get(file.id)
        if index is None:
            raw = await read_whole(self._objects, self._paths.index(data_type, file.id))
            index = await asyncio.to_thread(_index_decoder.decode, raw)  # may be megabytes
            self._indexes[file.id] = index
            if len(self._indexes) > MAX_CACHED_INDEXES:
                self._indexes.popitem(last=False)
        else:
            self._indexes.move_to_end(file.id)
        return index


def _file_for(files: tuple[DataFile, ...], object_id: str) -> DataFile | None:
    return next((file for file in files if file.last_id >= object_id), None)


def _gone(status: DataStatus) -> UnavailableError:
    message = f"snapshot {status.data_sequence} was replaced while it was read"
    return UnavailableError(message, reason="SNAPSHOT_GONE", dataSequence=status.data_sequence)
