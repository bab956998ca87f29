"""Folding: the data files of one type, of which only those are written anew that have to be."""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from agola.datamanager.datafile import Piece, SortedChanges, merge, rest_of
from agola.datamanager.datafile_writer import DataFileWriter
from agola.datamanager.layout import DataFile
from agola.datamanager.snapshot import Snapshots

SMALL_PART = 4
"""A data file below this part of the largest one goes together with a neighbour, if both fit."""


class Folding:
    """Makes the data files that *old* ones become by *changes*.  For one use."""

    def __init__(
        self,
        old: Sequence[DataFile],
        changes: SortedChanges,
        writer: DataFileWriter,
        snapshots: Snapshots,
        *,
        max_bytes: int,
    ) -> None:
        self._rest = deque(old)
        self._done: list[DataFile] = []
        self._changes = changes
        self._writer = writer
        self._snapshots = snapshots
        self._max_bytes = max_bytes

    async def files(self) -> tuple[DataFile, ...]:
        """Write what changed, and give all files.  DataDamagedError: a file cannot be read."""
        while self._rest or self._changes:
            if not self._is_next_touched():
                self._done.append(self._rest.popleft())
                continue
            self._take_back_small_ones()
            async with aclosing(self._rewritten()) as pieces:
                self._done += await self._writer.write(pieces)
        return tuple(self._done)

    async def _rewritten(self) -> AsyncGenerator[Piece, None]:
        async with (
            aclosing(self._read_neighbours()) as old,
            aclosing(merge(old, self._changes)) as merged,
        ):
            async for piece in merged:
                yield piece
        if not self._rest:  # what sorts behind all goes to the last file
            async with aclosing(rest_of(self._changes)) as new:
                async for piece in new:
                    yield piece

    async def _read_neighbours(self) -> AsyncGenerator[Piece, None]:
        """Read the next file, and go on as long as the one behind it must be written anew too."""
        going_on = bool(self._rest)
        while going_on:
            file = self._rest.popleft()
            pieces = self._snapshots.pieces(self._changes.data_type, file)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece
            going_on = bool(self._rest) and (
                self._is_next_touched()
                or self._go_together(self._writer.open_size, self._rest[0].size)
            )

    def _is_next_touched(self) -> bool:
        """Say whether changes go to the next file: the last one takes all that are left."""
        if len(self._rest) <= 1:
            return bool(self._changes)
        return self._changes.reach(self._rest[0].last_id)

    def _take_back_small_ones(self) -> None:
        """Let files before the next one be written together with it, where one is small.

        How small the next one will be is not known before: a small one before it goes along.
        """
        size = self._rest[0].size if self._rest else None
        while self._done and (
            self._is_small(self._done[-1].size) or self._go_together(self._done[-1].size, size)
        ):
            file = self._done.pop()
            self._rest.appendleft(file)
            size = None if size is None or file.size is None else size + file.size

    def _go_together(self, one: int | None, other: int | None) -> bool:
        if one is None or other is None or one + other > self._max_bytes:
            return False
        return self._is_small(one) or self._is_small(other)

    def _is_small(self, size: int | None) -> bool:
        """Say whether a file is small; of an older one nobody wrote down the size."""
        return size is not None and size * SMALL_PART < self._max_bytes
