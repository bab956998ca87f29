"""Executors that fall silent are given up, and what they were doing is judged."""

import asyncio
import logging
from collections.abc import Iterable

from agola.core.errors import AgolaError
from agola.core.name_queue import NameQueue
from agola.core.trouble import SharedTrouble
from agola.model.executor import ExecutorID
from agola.services.runservice.actions.executors import ExecutorActions
from agola.services.runservice.actions.reports import ReportActions
from agola.services.runservice.ports.live import LiveState, Touched

logger = logging.getLogger(__name__)

MIN_SLEEP_SECONDS = 0.05
RETRY_SECONDS = 1.0


class LivenessLoops:
    """Notices lost executors."""

    def __init__(self, live: LiveState, executors: ExecutorActions, reports: ReportActions) -> None:
        self._live = live
        self._executors = executors
        self._reports = reports
        self._lost: NameQueue[ExecutorID] = NameQueue()
        self._trouble = SharedTrouble(logger, over="it goes on")

    async def expire(self) -> None:
        """Sleep until the next executor could be lost, and see, for ever."""
        while True:
            left = RETRY_SECONDS
            try:
                left = await self._executors.lose_silent()
            except AgolaError as error:
                self._trouble.meet("looking after executors", error)
            else:
                self._trouble.leave("looking after executors")
            await asyncio.sleep(max(left, MIN_SLEEP_SECONDS))

    async def judge(self) -> None:
        """Judge the tasks of executors that are gone, for ever."""
        with self._live.listening(self._heard):
            self._put(self._live.assignees())
            while True:
                executor_id = await self._lost.get()
                what = f"judging the tasks of executor {executor_id}"
                try:
                    await self._reports.give_up(executor_id)
                except AgolaError as error:
                    self._trouble.meet(what, error)
                    loop = asyncio.get_running_loop()
                    loop.call_later(RETRY_SECONDS, self._put, [executor_id])
                else:
                    logger.warning("executor %s is lost", executor_id)
                    self._trouble.leave(what)

    def _heard(self, touched: Touched) -> None:
        self._put(touched.executors)

    def _put(self, executor_ids: Iterable[ExecutorID]) -> None:
        executors = self._live.executors()
        self._lost.put(
            id_
            for id_ in executor_ids
            if id_ not in executors
            and any(not task.status.phase.ended for task in self._live.assigned(id_).values())
        )
