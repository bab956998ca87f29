"""The latest bytes of a log, for readers at different places in it."""

from collections import deque
from dataclasses import dataclass

from agola.model.log import MAX_CHUNK_BYTES, LogChunk

BLOCKS_PER_WINDOW = 8


@dataclass(slots=True)
class _Block:
    offset: int
    data: bytes | bytearray


class LogWindow:
    """The bytes from `low` up to `high`: what came last, at most *limit* bytes.

    Small chunks grow together to blocks, so that a reader who comes later gets in one chunk what
    came in many.  Large ones are kept, and given out, as they are.
    """

    def __init__(self, start: int, limit: int) -> None:
        self.limit = limit
        self.high = start
        self.full = False
        """Something was dropped already."""
        self._block_bytes = max(1, min(MAX_CHUNK_BYTES, limit // BLOCKS_PER_WINDOW))
        self._blocks: deque[_Block] = deque()

    @property
    def low(self) -> int:
        return self._blocks[0].offset if self._blocks else self.high

    def append(self, data: bytes) -> None:
        """Add what follows `high`; drop whole blocks from the other end for it."""
        last = self._blocks[-1] if self._blocks else None
        if last is not None and len(last.data) + len(data) <= self._block_bytes:
            if isinstance(last.data, bytes):
                last.data = bytearray(last.data)
            last.data += data
        else:
            self._blocks.append(_Block(self.high, data))
        self.high += len(data)
        while self.high - self.low > self.limit and len(self._blocks) > 1:
            self._blocks.popleft()
            self.full = True

    def take(self, position: int) -> LogChunk:
        """Give the bytes at *position*, one at least; *position* is in the window, below `high`."""
        block = next(block for block in reversed(self._blocks) if block.offset <= position)
        skip = position - block.offset
        if not skip and isinstance(block.data, bytes):
            return LogChunk(position, block.data)
        with memoryview(block.data) as view:
            return LogChunk(position, bytes(view[skip:]))
