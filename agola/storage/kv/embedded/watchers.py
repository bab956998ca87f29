"""Who is told that something happened.  What happened, they read in the history."""

import asyncio
from bisect import bisect_left
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from agola.core.errors import UnavailableError
from agola.storage.kv.port import Revision

PROGRESS_REVISIONS = 1_000
"""After so many revisions that do not concern it, a watch is told how far it has come."""


class Watcher:
    """One watch: how far it has come, and whether it is behind.

    While it is not, `position` moves on by itself, past revisions that do not concern this watch.
    """

    def __init__(self, prefix: str, position: Revision) -> None:
        self.prefix = prefix
        self.position = position
        self.behind = True
        """Whether there may be something to read behind `position`."""
        self._told = position
        self._wake: asyncio.Future[None] | None = None
        self._closed = False

    async def stirred(self) -> None:
        """Wait until this is behind, or `position` has moved far."""
        if self._closed:
            raise _closed()
        self._told = self.position
        self._wake = asyncio.get_running_loop().create_future()
        try:
            await self._wake
        finally:
            self._wake = None

    def happened(self, keys: Sequence[str], revision: Revision) -> None:
        """Fall behind if any of *keys*, which are in order, is one of its own."""
        if self.behind:
            return  # it reads anyway
        place = bisect_left(keys, self.prefix)
        self.behind = place < len(keys) and keys[place].startswith(self.prefix)
        if not self.behind:
            self.position = max(self.position, revision)
        if self.behind or self.position - self._told >= PROGRESS_REVISIONS:
            self._stir()

    def close(self) -> None:
        self._closed = True
        if self._wake is not None and not self._wake.done():
            self._wake.set_exception(_closed())

    def _stir(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class Watchers:
    """All watches of a store."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()

    @contextmanager
    def watching(self, prefix: str, after: Revision) -> Generator[Watcher, None, None]:
        watcher = Watcher(prefix, after)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def happened(self, keys: Sequence[str], revision: Revision) -> None:
        """Wake whom the writing of *keys* concerns; the store is at *revision* now."""
        ordered = sorted(keys)
        for watcher in self._watchers:
            watcher.happened(ordered, revision)

    def close(self) -> None:
        for watcher in self._watchers:
            watcher.close()


def _closed() -> UnavailableError:
    return UnavailableError("the key-value store is closed", reason="KV_UNAVAILABLE")
