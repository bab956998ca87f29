"""The index of a data file: where in it to look for an object.

A file is made of blocks, a few kilobytes of whole records each; the index has the last id of each
block and where it ends.  So it is small enough to be kept, and to be read without a pause.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from agola.datamanager.errors import MalformedError

BLOCK_BYTES = 4096
MAX_INDEX_BYTES = 16 * 1024 * 1024
"""So much is kept of indexes, as they are stored; in memory they are about four times as large."""

_Entries = list[tuple[str, int]]
_OldEntries = dict[str, tuple[int, int]]
_decode = msgspec.json.Decoder(_Entries).decode
_decode_old = msgspec.json.Decoder(_OldEntries).decode


class Index:
    """The blocks of a data file, numbered from 0."""

    def __init__(self, *, block_bytes: int = BLOCK_BYTES) -> None:
        self._block_bytes = block_bytes
        self._last_ids: list[str] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return self._ends[-1] if self._ends else 0

    @property
    def last_id(self) -> str:
        return self._last_ids[-1] if self._last_ids else ""

    def add(self, last_id: str, size: int) -> None:
        """Append records up to *last_id*.  They share a block with those before, if it has room."""
        blocks = len(self)
        end = self.size + size
        if blocks and end - self.start(blocks - 1) <= self._block_bytes:
            self._last_ids[-1], self._ends[-1] = last_id, end
        else:
            self._last_ids.append(last_id)
            self._ends.append(end)

    def block_of(self, object_id: str) -> int:
        """Say which block holds an object, if any does: the first to reach it."""
        return bisect_left(self._last_ids, object_id)

    def start(self, block: int) -> int:
        """Say where a block starts, or the file ends."""
        return self._ends[block - 1] if block else 0

    def blocks(self, first: int = 0) -> Iterator[tuple[str, int]]:
        """Tell the blocks from *first* on: their last ids and their sizes."""
        start = self.start(first)
        for block in range(first, len(self)):
            yield self._last_ids[block], self._ends[block] - start
            start = self._ends[block]

    def encode(self) -> bytes:
        return msgspec.json.encode(list(zip(self._last_ids, self._ends, strict=True)))


class IndexCache:
    """The indexes used last, as many as fit."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[Index, int]] = OrderedDict()

    def get(self, file_id: str) -> Index | None:
        kept = self._kept.get(file_id)
        if kept is None:
            return None
        self._kept.move_to_end(file_id)
        return kept[0]

    def put(self, file_id: str, index: Index, size: int) -> None:
        if file_id in self._kept:
            return
        self._kept[file_id] = (index, size)
        self._bytes += size
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            _, (_, freed) = self._kept.popitem(last=False)
            self._bytes -= freed


def decode(raw: bytes) -> Index:
    """Read an index.  MalformedError, msgspec.DecodeError."""
    if raw[:1] == b"{":
        return _of_every_object(_decode_old(raw))
    index = Index(block_bytes=0)
    for last_id, end in _decode(raw):
        if end <= index.size or (len(index) and last_id <= index.last_id):
            raise MalformedError("its blocks are in no order")
        index.add(last_id, end - index.size)
    return index


def _of_every_object(places: _OldEntries) -> Index:
    """Make the index of a file whose own one has the place of every object, as older ones do."""
    index = Index()
    for object_id, (offset, size) in places.items():
        index.add(object_id, offset + size + 1 - index.size)
    return index
