"""Runs, as the runservice keeps them."""

from collections.abc import AsyncGenerator
from typing import Protocol

from agola.model.run import Run
from agola.model.run_config import RunConfig, RunID
from agola.model.run_event import RunProgress, RunState
from agola.model.run_query import RunFilter, RunNumber, RunPage


class Runs(Protocol):
    """Shows and steers runs.  NotExistError: RUN_DOES_NOT_EXIST."""

    async def get_run(self, by: RunID | RunNumber) -> RunState: ...

    async def list_runs(
        self,
        filter_: RunFilter,
        *,
        page_size: int = 0,
        page_token: str = "",
        ascending: bool = False,
    ) -> RunPage: ...

    def watch_run(self, run_id: RunID) -> AsyncGenerator[RunProgress | None, None]:
        """Yield the run as it is, then what changes, then `RunEnded`; None is a heartbeat."""

    async def stop_run(self, run_id: RunID) -> Run: ...

    async def cancel_run(self, run_id: RunID) -> Run: ...


class NewRuns(Protocol):
    """Takes runs."""

    async def create_run(self, config: RunConfig, *, request_id: str = "") -> RunState:
        """Make a run, or give the one that the same *request_id* made before."""
