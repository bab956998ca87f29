"""Writing data files: pieces go in, files as large as they may be come out."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import sha256

from agola.core.ids import Ids
from agola.datamanager.content import Digest
from agola.datamanager.datafile import Piece
from agola.datamanager.index import BLOCK_BYTES, Index
from agola.datamanager.layout import DataFile, Paths
from agola.datamanager.pace import Pace
from agola.datamanager.port import WalSequence
from agola.storage.objects.port import ObjectStorage

CHUNK_BYTES = 256 * 1024


@dataclass(slots=True)
class _Open:
    """A data file that is being written."""

    index: Index
    digest: Digest = field(default_factory=Digest)


class DataFileWriter:
    """Writes data files of one type, named after a snapshot."""

    def __init__(
        self,
        objects: ObjectStorage,
        paths: Paths,
        data_type: str,
        name: WalSequence,
        *,
        ids: Ids,
        max_bytes: int,
    ) -> None:
        self._objects = objects
        self._paths = paths
        self._data_type = data_type
        self._name = name
        self._ids = ids
        self._max_bytes = max_bytes
        self._block_bytes = min(BLOCK_BYTES, max_bytes)
        self._open = _Open(Index())
        self._pace = Pace()
        self._begun: list[str] = []

    @property
    def open_size(self) -> int:
        """How many bytes the file has that is being written."""
        return self._open.index.size

    async def write(self, pieces: AsyncGenerator[Piece, None]) -> list[DataFile]:
        """Write *pieces*, in the order of their ids, into as few files as hold them.

        They are taken one by one, and are in memory only until a chunk is full.
        """
        ahead = _Ahead(pieces)
        files: list[DataFile] = []
        while await ahead.peek() is not None:
            files.append(await self._write_one(ahead))
        return files

    async def discard(self) -> None:
        """Delete all that was written here: there will be no snapshot of it."""
        for file_id in self._begun:
            await self._objects.delete(self._paths.data_file(self._data_type, file_id))
            await self._objects.delete(self._paths.index(self._data_type, file_id))

    async def _write_one(self, pieces: "_Ahead") -> DataFile:
        file_id = f"{self._name}-{self._ids.uuid()}"
        self._begun.append(file_id)
        self._open = _Open(Index(block_bytes=self._block_bytes))
        async with aclosing(self._chunks(pieces)) as chunks:
            await self._objects.write(self._paths.data_file(self._data_type, file_id), chunks)
        raw = self._open.index.encode()
        await self._objects.write(self._paths.index(self._data_type, file_id), raw)
        return DataFile(
            id=file_id,
            last_id=self._open.index.last_id,
            size=self._open.index.size,
            sha256=self._open.digest.hex(),
            index_sha256=sha256(raw).hexdigest(),
        )

    async def _chunks(self, pieces: "_Ahead") -> AsyncGenerator[bytes, None]:
        chunk: list[bytes] = []
        size = 0
        while (piece := await pieces.peek()) is not None and self._has_room_for(piece):
            pieces.drop()
            self._open.index.add(piece.last_id, len(piece.data))
            chunk.append(piece.data)
            size += len(piece.data)
            if size >= CHUNK_BYTES:
                yield await self._digested(chunk)
                chunk, size = [], 0
            await self._pace.breathe()
        if chunk:
            yield await self._digested(chunk)

    async def _digested(self, chunk: list[bytes]) -> bytes:
        data = b"".join(chunk)
        await self._open.digest.update(data)
        return data

    def _has_room_for(self, piece: Piece) -> bool:
        return not self.open_size or self.open_size + len(piece.data) <= self._max_bytes


class _Ahead:
    """Pieces, the next of which may be looked at before it is taken."""

    def __init__(self, pieces: AsyncGenerator[Piece, None]) -> None:
        self._pieces = pieces
        self._next: Piece | None = None

    async def peek(self) -> Piece | None:
        if self._next is None:
            self._next = await anext(self._pieces, None)
        return self._next

    def drop(self) -> None:
        self._next = None
