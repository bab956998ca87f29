"""Markers: what says in object storage which batches were committed, so that it outlives the kv."""

import asyncio
import logging

from agola.core.errors import AgolaError
from agola.core.trouble import Trouble
from agola.datamanager.committer import Committer
from agola.datamanager.log import Log
from agola.datamanager.port import WalSequence
from agola.datamanager.wal import WalObjects

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
LINGER_SECONDS = 0.2
"""Markers let a burst of commits pass, whose callers wait for the same disk."""


class Markers:
    """Writes markers in the order of the batches, so that what is marked is a chain without a gap.

    Each process marks what it committed; before that, what others committed and have not marked.
    """

    def __init__(self, wals: WalObjects, log: Log, committer: Committer) -> None:
        self._wals = wals
        self._log = log
        self._own = committer.own
        self._marked: WalSequence | None = None
        self._trouble = Trouble(logger, over="batches are marked again")

    async def run(self) -> None:
        """Mark what is committed, for ever; at first what an earlier process left behind."""
        goal = self._log.last
        while True:
            try:
                await self._mark_to(goal)
            except AgolaError as error:
                self._trouble.say(f"batches could not be marked, trying again: {error}")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._trouble.end()
            while not self._own:
                await self._log.moved()
            await asyncio.sleep(LINGER_SECONDS)
            goal = max(self._own)

    async def flush(self) -> None:
        """Mark the rest, as far as it is known here.  A later process marks the others.

        So it does if object storage is away: to end is no reason to fail.
        """
        if known := [each for each in self._own if each <= self._log.last]:
            try:
                await self._mark_to(max(known))
            except AgolaError as error:
                logger.warning("batches are left unmarked: %s", error)

    async def _mark_to(self, goal: WalSequence) -> None:
        await self._log.reached(goal)
        done = self._marked or self._log.snapshot.wal_sequence  # a snapshot needs no markers
        for header in [each for each in self._log.headers.values() if done < each.sequence <= goal]:
            if header.sequence in self._own or not await self._wals.is_marked(header):
                await self._wals.mark(header)
            self._marked = header.sequence
            self._own.discard(header.sequence)
        self._own.difference_update([each for each in self._own if each <= goal])
