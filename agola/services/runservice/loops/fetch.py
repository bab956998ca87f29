"""Storing the logs and archives of tasks as they end."""

import asyncio
import logging
from contextlib import aclosing

from agola.core.errors import UnavailableError
from agola.services.runservice.actions.fetch import FetchActions
from agola.services.runservice.ports.logs import EndedTasks, TaskPlace

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class FetchLoop:
    """Starts to store every ended task as soon as it is told; each on its own."""

    def __init__(self, ended: EndedTasks, actions: FetchActions) -> None:
        self._ended = ended
        self._actions = actions
        self._under_way: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Go on for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    async with aclosing(self._ended.watch_ended()) as places:
                        async for place in places:
                            self._start(group, place)
                except UnavailableError as error:
                    logger.warning("cannot watch for ended tasks: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    def _start(self, group: asyncio.TaskGroup, place: TaskPlace) -> None:
        key = (place.run_id, place.task.id)
        if key not in self._under_way:
            self._under_way.add(key)
            task = group.create_task(self._actions.store_task(place))
            task.add_done_callback(lambda _: self._under_way.discard(key))
