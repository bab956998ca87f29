"""Markers: what says in object storage which batches were committed, so that it outlives the kv."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from agola.core.errors import AgolaError
from agola.core.trouble import Trouble, level_of
from agola.datamanager.committer import Committer
from agola.datamanager.layout import WalHeader
from agola.datamanager.log import Log
from agola.datamanager.port import WalSequence
from agola.datamanager.wal import WalObjects

logger = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]

RETRY_SECONDS = 1.0
LINGER_SECONDS = 0.2
"""Markers let a burst of commits pass, whose callers wait for the same disk."""
OTHERS_SECONDS = 2 * LINGER_SECONDS
"""So long others have to mark what they committed, or some of it, before they count as dead."""


class Markers:
    """Writes markers in the order of the batches, so that what is marked is a chain without a gap.

    Each process marks what it committed; before that, what others committed and have not marked.
    What others leave unmarked it marks as well: they died, and a key-value store restored to just
    before their last batches would be taken for the present one.
    """

    def __init__(self, wals: WalObjects, log: Log, committer: Committer) -> None:
        self._wals = wals
        self._log = log
        self._own = committer.own
        self._marked: WalSequence | None = None
        self._stuck: WalSequence | None = None
        """The first batch of others that was not marked when it was looked for."""
        self._trouble = Trouble(logger, over="batches are marked again")

    async def run(self) -> None:
        """Mark what is committed, for ever; at first what an earlier process left behind."""
        work: Work = partial(self._mark_to, self._log.last)
        while True:
            try:
                await work()
            except AgolaError as error:
                text = f"batches could not be marked, trying again: {error}"
                self._trouble.say(text, level=level_of(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._trouble.end()
            work = await self._next()

    async def _next(self) -> Work:
        """Wait for batches that are to be marked, or to be looked after."""
        while not self._own and self._log.last <= self._done:
            await self._log.moved()
        last = self._log.last
        try:
            async with asyncio.timeout(OTHERS_SECONDS):
                while not self._own:
                    await self._log.moved()
        except TimeoutError:
            return partial(self._look_after, last)
        await asyncio.sleep(LINGER_SECONDS)
        return partial(self._mark_to, max(self._own))

    async def flush(self) -> None:
        """Mark the rest, as far as it is known here.  A later process marks the others.

        So it does if object storage is away: to end is no reason to fail.
        """
        if known := [each for each in self._own if each <= self._log.last]:
            try:
                await self._mark_to(max(known))
            except AgolaError as error:
                logger.warning("batches are left unmarked: %s", error)

    @property
    def _done(self) -> WalSequence:
        """The last batch that needs no marker any more: one in a snapshot needs none at all."""
        return self._marked or self._log.snapshot.wal_sequence

    def _left(self, goal: WalSequence) -> list[WalHeader]:
        done = self._done
        return [each for each in self._log.headers.values() if done < each.sequence <= goal]

    async def _look_after(self, goal: WalSequence) -> None:
        """Mark what others do not: if the same batch is the first without a marker, twice.

        As long as they get on, if slowly, they need no help.
        """
        left = self._left(goal)
        if left and await self._wals.is_marked(left[-1]):  # so are all before it
            self._marked = goal
            return
        for header in left:
            if not await self._wals.is_marked(header):
                if header.sequence == self._stuck:
                    await self._mark_to(goal)
                self._stuck = header.sequence
                return
            self._marked = header.sequence

    async def _mark_to(self, goal: WalSequence) -> None:
        await self._log.reached(goal)
        for header in self._left(goal):
            if header.sequence in self._own or not await self._wals.is_marked(header):
                await self._wals.mark(header)
            self._marked = header.sequence
            self._own.discard(header.sequence)
        self._own.difference_update([each for each in self._own if each <= goal])
