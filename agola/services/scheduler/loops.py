"""Following run events, and starting runs.  Only events wake it."""

import asyncio
import logging
import random
from contextlib import aclosing

from agola.core.errors import AgolaError, OutOfRangeError
from agola.core.name_queue import NameQueue
from agola.core.trouble import Trouble
from agola.services.scheduler.actions import SchedulingActions
from agola.services.scheduler.ports import Events

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 50.0
"""Three heartbeats of a stream, and a little more."""
FIRST_DELAY_SECONDS = 0.1
MAX_DELAY_SECONDS = 2.0
RETRY_SECONDS = 1.0
STARTERS = 4


class SchedulingLoops:
    """Brings together what happens and what is to start."""

    def __init__(self, events: Events, actions: SchedulingActions) -> None:
        self._events = events
        self._actions = actions
        self._groups: NameQueue[str] = NameQueue()
        self._revision = 0
        self._delay = FIRST_DELAY_SECONDS
        self._trouble = Trouble(logger, over="run events are within reach again")

    async def follow(self) -> None:
        """Listen to run events, for ever; after a break go on where it was."""
        while True:
            try:
                await self._listen()
            except OutOfRangeError:
                self._revision = 0
                continue
            except (AgolaError, TimeoutError) as error:
                self._trouble.say(f"run events are out of reach: {str(error) or 'silence'}")
            await asyncio.sleep(self._delay * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)
            self._delay = min(self._delay * 2, MAX_DELAY_SECONDS)

    async def start(self) -> None:
        """Start runs whose turn it is, for ever, a few at once."""
        async with asyncio.TaskGroup() as group:
            for _ in range(STARTERS):
                group.create_task(self._start())

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        watch = self._events.watch_run_events(after_revision=self._revision)
        async with asyncio.timeout(PATIENCE_SECONDS) as patience, aclosing(watch) as events:
            async for event in events:
                patience.reschedule(loop.time() + PATIENCE_SECONDS)
                self._delay = FIRST_DELAY_SECONDS
                self._trouble.end()
                self._groups.put(self._actions.hear(event))
                self._revision = event.revision

    async def _start(self) -> None:
        while True:
            name = await self._groups.get()
            try:
                again = await self._actions.start_next(name)
            except AgolaError as error:
                logger.warning("cannot start the next run of %s: %s", name, error)
                again = True
            if again:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._groups.put, [name])
