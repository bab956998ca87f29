"""What the scheduler needs: to be told of runs, and to start them."""

from collections.abc import AsyncGenerator
from typing import Protocol

from agola.model.run import Run
from agola.model.run_config import RunID
from agola.model.run_event import RunEvent


class Starter(Protocol):
    """Starts runs."""

    async def start_run(self, run_id: RunID) -> Run:
        """NotExistError; PreconditionError: `RUN_NOT_QUEUED`, `RUN_GROUP_BUSY`."""


class Events(Protocol):
    """Tells what happens to runs."""

    def watch_run_events(self, *, after_revision: int = 0) -> AsyncGenerator[RunEvent, None]:
        """OutOfRangeError: call again with 0."""
