"""What stays: run configs, and runs that have ended."""

from collections.abc import Sequence
from typing import Protocol

from agola.model.run import ArchivedRun, Phase, Result, Run
from agola.model.run_config import RunConfig, RunID


class RunConfigs(Protocol):
    """What runs were made from."""

    async def create(self, config: RunConfig) -> int:
        """Keep a run config for good, and give the run its number.

        Numbers count up by one in the root of the run's group, whatever fails and whoever asks.
        """

    async def read(self, run_id: RunID) -> RunConfig:
        """NotExistError: `RUN_DOES_NOT_EXIST`."""


class RunArchive(Protocol):
    """Runs that have ended.  Questions find at least those that are no longer in the live state."""

    async def add(self, archived: ArchivedRun) -> str:
        """Keep a run for good.  May be repeated: what was kept first stays.

        Gives a position of the archive that has it.  These sort as text.
        """

    async def read(self, run_id: RunID) -> ArchivedRun:
        """NotExistError: `RUN_DOES_NOT_EXIST`."""

    async def numbered(self, root_group: str, counter: int) -> RunID | None:
        """Say which run has a number."""

    async def requested(self, request_id: str) -> RunID | None:
        """Say which run a request made."""

    async def list(
        self,
        *,
        phases: Sequence[Phase],
        results: Sequence[Result],
        group: str,
        after: str,
        limit: int,
        ascending: bool,
    ) -> Sequence[Run]:
        """Give the runs behind the id *after* ("" for the first) in the order of their ids."""
