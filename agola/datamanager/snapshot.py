"""Reading a snapshot: all objects as of one batch."""

from bisect import bisect_left
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from agola.core.errors import NotExistError, UnavailableError
from agola.datamanager import index as indexes
from agola.datamanager import record
from agola.datamanager.content import Content, check_digest
from agola.datamanager.datafile import Piece
from agola.datamanager.errors import MalformedError, checking
from agola.datamanager.index import MAX_INDEX_BYTES, Index, IndexCache
from agola.datamanager.layout import DataFile, DataStatus, Paths, sequence_in
from agola.datamanager.pace import Pace
from agola.datamanager.port import StoredObject, WalSequence
from agola.datamanager.status import decode
from agola.datamanager.wal import list_all, read_whole
from agola.storage.objects.port import ObjectStorage


class SnapshotGoneError(UnavailableError):
    """A snapshot was replaced and cleaned up while it was read: a newer one is there."""

    def __init__(self, status: DataStatus, error: NotExistError) -> None:
        self.missing = error.metadata["path"]
        super().__init__(
            f"snapshot {status.data_sequence} was replaced while it was read",
            reason="SNAPSHOT_GONE",
            dataSequence=status.data_sequence,
        )


class Snapshots:
    """Reads the files of snapshots, whose indexes it keeps: a file never changes."""

    def __init__(
        self, objects: ObjectStorage, paths: Paths, *, max_index_bytes: int = MAX_INDEX_BYTES
    ) -> None:
        self._objects = objects
        self._paths = paths
        self._indexes = IndexCache(max_index_bytes)

    async def status(self, data_sequence: WalSequence) -> DataStatus:
        """Read what a snapshot is made of.  NotExistError, DataDamagedError."""
        path = self._paths.status(data_sequence)
        raw = await read_whole(self._objects, path)
        with checking(path):
            return decode(raw)

    async def statuses(self) -> list[WalSequence]:
        """Say which snapshots there are, the newest last."""
        infos = await list_all(self._objects, self._paths.data, recursive=False)
        return [sequence_in(info.path) for info in infos if info.path.endswith(".status")]

    async def read(self, status: DataStatus, data_type: str, object_id: str) -> bytes | None:
        """Read one object, or None.

        SnapshotGoneError: use a newer status.  DataDamagedError.
        """
        file = _file_for(status.files.get(data_type, ()), object_id)
        if file is None:
            return None
        try:
            return await self._read(data_type, file, object_id)
        except NotExistError as error:
            raise SnapshotGoneError(status, error) from error

    async def scan(
        self, status: DataStatus, data_type: str, *, after: str
    ) -> AsyncGenerator[StoredObject, None]:
        """Read the objects of a type behind *after*, by id, with a few of them in memory."""
        files = status.files.get(data_type, ())
        for file in files[_place_of(files, after) :]:
            try:
                async with aclosing(self.pieces(data_type, file, after=after)) as pieces:
                    async for piece in pieces:
                        with checking(self._paths.data_file(data_type, file.id)):
                            found = [each.action for each in record.parse(piece.data)]
                        for action in found:
                            if action.id > after and action.data is not None:
                                yield StoredObject(data_type, action.id, action.data)
            except NotExistError as error:
                raise SnapshotGoneError(status, error) from error

    async def pieces(
        self, data_type: str, file: DataFile, *, after: str = ""
    ) -> AsyncGenerator[Piece, None]:
        """Read a data file block by block, from the one that may hold the first id behind *after*.

        Who reads it wholly has it checked against its digest.  NotExistError, DataDamagedError.
        """
        index = await self._index(data_type, file)
        first = index.block_of(after)
        pace = Pace()
        path = self._paths.data_file(data_type, file.id)
        with checking(path):
            async with aclosing(self._objects.read(path, offset=index.start(first))) as stream:
                content = Content(stream)
                for last_id, size in index.blocks(first):
                    yield Piece(last_id, await content.take(size))
                    await pace.breathe()
                await content.end("" if first else file.sha256)

    async def _read(self, data_type: str, file: DataFile, object_id: str) -> bytes | None:
        index = await self._index(data_type, file)
        path = self._paths.data_file(data_type, file.id)
        block = index.block_of(object_id)
        _, size = next(index.blocks(block))
        start = index.start(block)
        async with aclosing(self._objects.read(path, offset=start, size=size)) as stream:
            with checking(path):
                data = await Content(stream).take(size)
                actions = (each.action for each in record.parse(data))
                return next((each.data for each in actions if each.id == object_id), None)

    async def _index(self, data_type: str, file: DataFile) -> Index:
        index = self._indexes.get(file.id)
        if index is None:
            path = self._paths.index(data_type, file.id)
            raw = await read_whole(self._objects, path)
            with checking(path):
                check_digest(raw, file.index_sha256)
                index = indexes.decode(raw)
                if index.last_id != file.last_id or file.size not in {None, index.size}:
                    raise MalformedError("it is not that of its data file")
            self._indexes.put(file.id, index, len(raw))
        return index


def _place_of(files: Sequence[DataFile], object_id: str) -> int:
    """Say which of the files is the first that reaches an id."""
    return bisect_left(files, object_id, key=lambda file: file.last_id)


def _file_for(files: Sequence[DataFile], object_id: str) -> DataFile | None:
    place = _place_of(files, object_id)
    return files[place] if place < len(files) else None
