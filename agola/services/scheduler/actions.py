"""Starting runs when it is their turn."""

import logging

from agola.core.errors import NotExistError, PreconditionError
from agola.model.run import Run
from agola.model.run_event import NothingChanged, RunChanged, RunEvent, RunsSnapshot
from agola.model.scheduling import GroupQueues
from agola.services.scheduler.ports import Starter

logger = logging.getLogger(__name__)

GROUP_BUSY = "RUN_GROUP_BUSY"


class SchedulingActions:
    """Keeps the queues of groups, and starts whose turn it is."""

    def __init__(self, starter: Starter) -> None:
        self._starter = starter
        self._queues = GroupQueues()

    def hear(self, event: RunEvent) -> set[str]:
        """Take an event.  Gives the groups in which it may be somebody's turn now."""
        match event:
            case RunsSnapshot(runs):
                return self._queues.reset(runs)
            case RunChanged(run):
                self._queues.update(run)
                return {run.group}
            case NothingChanged():
                return set()

    async def start_next(self, group: str) -> bool:
        """Start the run whose turn it is in a group.  Says whether to try again in a while.

        The runservice has the last word: it lets no two runs of a group run, whoever asks.
        """
        run_id = self._queues.next(group)
        if run_id is None:
            return False
        try:
            run: Run = await self._starter.start_run(run_id)
        except (PreconditionError, NotExistError) as error:
            if error.reason == GROUP_BUSY:  # a run of which we have not been told
                return True
            self._queues.forget(group, run_id)
            return True
        logger.info("started run %s of %s", run.id, group)
        self._queues.update(run)
        return False
