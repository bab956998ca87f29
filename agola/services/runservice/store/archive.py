"""Ended runs in the datamanager; the read database answers questions about them."""

from collections.abc import Sequence

import msgspec

from agola.core.errors import NotExistError
from agola.datamanager.port import Action, DataManager
from agola.model.run import ArchivedRun, Phase, Result, Run
from agola.model.run_config import RunID
from agola.services.runservice.ports.live import no_run
from agola.services.runservice.store.run_table import RUN, RunTable


class StoredRuns:
    """Ended runs: the truth in the datamanager, questions by the read database."""

    def __init__(self, datamanager: DataManager, table: RunTable) -> None:
        self._datamanager = datamanager
        self._table = table

    async def add(self, archived: ArchivedRun) -> None:
        data = msgspec.json.encode(archived)
        sequence = await self._datamanager.commit([Action(RUN, archived.run.id, data)])
        await self._table.reached(sequence)

    async def read(self, run_id: RunID) -> ArchivedRun:
        try:
            data = await self._datamanager.read(RUN, run_id)
        except NotExistError as error:
            raise no_run(run_id) from error
        return msgspec.json.decode(data, type=ArchivedRun)

    async def numbered(self, root_group: str, counter: int) -> RunID | None:
        return await self._table.numbered(root_group, counter)

    async def requested(self, request_id: str) -> RunID | None:
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
        return await self._table.list(
            phases=phases,
            results=results,
            group=group,
            after=after,
            limit=limit,
            ascending=ascending,
        )
