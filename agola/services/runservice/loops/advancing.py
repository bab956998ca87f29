"""Runs go on when something about them changes, and are archived when they have ended.

A slow round over all of them is the safety net; nothing depends on it.
"""

import asyncio
import logging
from collections.abc import Set as AbstractSet
from contextlib import suppress

from agola.core.errors import AgolaError, UnavailableError
from agola.core.name_queue import NameQueue
from agola.core.trouble import SharedTrouble
from agola.model.run_config import RunID
from agola.services.runservice.actions.advancing import AdvanceActions
from agola.services.runservice.ports.live import LiveState, Touched

logger = logging.getLogger(__name__)

RESYNC_SECONDS = 60.0
RETRY_SECONDS = 1.0


class AdvanceLoops:
    """Keeps all runs going, one at a time: so two of them never want the same slot."""

    def __init__(self, live: LiveState, actions: AdvanceActions) -> None:
        self._live = live
        self._actions = actions
        self._queue: NameQueue[RunID] = NameQueue()
        self._ended: NameQueue[RunID] = NameQueue()
        self._starved: set[RunID] = set()
        self._trouble = SharedTrouble(logger, over="it goes on")

    async def advance(self) -> None:
        """Advance runs that changed, for ever; those without an executor when one may have room."""
        with self._live.listening(self._heard):
            self._put_all()
            while True:
                run_id = await self._queue.get()
                try:
                    if await self._actions.advance(run_id):
                        self._starved.add(run_id)
                except AgolaError as error:
                    self._again(self._queue, run_id, error)
                else:
                    self._trouble.leave(f"run {run_id}")

    async def archive(self) -> None:
        """Archive runs that have ended, for ever."""
        while True:
            run_id = await self._ended.get()
            try:
                await self._actions.archive(run_id)
            except AgolaError as error:
                self._again(self._ended, run_id, error)
            else:
                self._trouble.leave(f"run {run_id}")

    async def resync(self) -> None:
        """Look at everything now and then, for ever."""
        suspects: AbstractSet[RunID] = frozenset()
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            self._put_all()
            with suppress(UnavailableError):
                suspects = await self._actions.sweep(suspects)

    def _put_all(self) -> None:
        for run in self._live.runs():
            self._sort(run.id)

    def _heard(self, touched: Touched) -> None:
        for run_id in touched.runs:
            self._sort(run_id)
        if touched.executors and self._starved:
            self._queue.put(sorted(self._starved))
            self._starved.clear()

    def _sort(self, run_id: RunID) -> None:
        run = self._live.run(run_id)
        if run is not None:
            (self._ended if run.phase.ended else self._queue).put([run_id])

    def _again(self, queue: NameQueue[RunID], run_id: RunID, error: AgolaError) -> None:
        self._trouble.meet(f"run {run_id}", error)
        asyncio.get_running_loop().call_later(RETRY_SECONDS, queue.put, [run_id])
