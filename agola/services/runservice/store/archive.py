"""Ended runs in the datamanager; the read database answers questions about them."""

from collections.abc import Callable, Sequence

import msgspec

from agola.core.errors import NotExistError
from agola.datamanager.port import Action, DataManager, WalSequence
from agola.model.run import ArchivedRun, Phase, Result, Run
from agola.model.run_config import RunID
from agola.readdb import ReadDatabase
from agola.services.runservice.ports.live import no_run
from agola.services.runservice.store.run_table import RUN, RunTable


class StoredRuns:
    """Ended runs: the truth in the datamanager, questions by the read database.

    *archived* says how far the archive was when a run last left the live state, as it is known
    here: whoever no longer finds a run there finds it in every answer from here.
    """

    def __init__(
        self, datamanager: DataManager, copy: ReadDatabase, archived: Callable[[], str]
    ) -> None:
        self._datamanager = datamanager
        self._copy = copy
        self._table = RunTable(copy)
        self._archived = archived

    async def add(self, archived: ArchivedRun) -> str:
        try:
            await self.read(archived.run.id)
        except NotExistError:
            data = msgspec.json.encode(archived)
            return await self._datamanager.commit([Action(RUN, archived.run.id, data)])
        return (await self._datamanager.groups(())).position  # a crash came in between

    async def read(self, run_id: RunID) -> ArchivedRun:
        try:
            data = await self._datamanager.read(RUN, run_id)
        except NotExistError as error:
            raise no_run(run_id) from error
        return msgspec.json.decode(data, type=ArchivedRun)

    async def newest_run_id(self) -> str:
        """Give the largest id of an ended run, or ""."""
        return await self._table.newest_run_id()

    async def numbered(self, root_group: str, counter: int) -> RunID | None:
        await self._caught_up()
        return await self._table.numbered(root_group, counter)

    async def requested(self, request_id: str) -> RunID | None:
        await self._caught_up()
        return await self._table.requested(request_id)

    async def list(  # the port's own word
        self,
        *,
        phases: Sequence[Phase],
        results: Sequence[Result],
        group: str,
        after: str,
        limit: int,
        ascending: bool,
    ) -> Sequence[Run]:
        await self._caught_up()
        return await self._table.list(
            phases=phases,
            results=results,
            group=group,
            after=after,
            limit=limit,
            ascending=ascending,
        )

    async def _caught_up(self) -> None:
        await self._copy.reached(WalSequence(self._archived()))
