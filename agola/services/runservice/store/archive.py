"""Run configs and ended runs in the datamanager; the read database answers questions."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Sequence

import msgspec

from agola.core.errors import ConcurrencyError, NotExistError
from agola.datamanager.port import Action, DataManager
from agola.model.group import root_group
from agola.model.run import ArchivedRun, Phase, Result, Run
from agola.model.run_config import RunConfig, RunID
from agola.services.runservice.ports.live import no_run
from agola.services.runservice.store.run_table import RunTable

RUN = "run"
RUN_CONFIG = "runconfig"
RUN_COUNTER = "runcounter"
CACHED_CONFIGS = 500


class StoredRunConfigs:
    """Run configs in the datamanager; the latest ones are kept in memory too."""

    def __init__(self, datamanager: DataManager) -> None:
        self._datamanager = datamanager
        self._cache: OrderedDict[RunID, RunConfig] = OrderedDict()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def create(self, config: RunConfig) -> int:
        root = root_group(config.group)
        async with self._turns[root]:  # one after the other beats one conflict after the other
            while True:
                try:
                    counter = await self._commit(root, config)
                except ConcurrencyError:  # another process was faster
                    continue
                self._remember(config)
                return counter

    async def read(self, run_id: RunID) -> RunConfig:
        if config := self._cache.get(run_id):
            self._cache.move_to_end(run_id)
            return config
        try:
            data = await self._datamanager.read(RUN_CONFIG, run_id)
        except NotExistError as error:
            raise no_run(run_id) from error
        config = msgspec.json.decode(data, type=RunConfig)
        self._remember(config)
        return config

    async def _commit(self, root: str, config: RunConfig) -> int:
        """Give the next number of *root* to the run.  ConcurrencyError: somebody took it."""
        name = "counter-" + root.replace("/", "-")
        counter_id = root.replace("/", "-")
        groups = await self._datamanager.groups([name])
        counter = await self._last_number(counter_id) + 1
        actions = [
            Action(RUN_CONFIG, config.id, msgspec.json.encode(config)),
            Action(RUN_COUNTER, counter_id, str(counter).encode()),
        ]
        await self._datamanager.commit(actions, groups=groups)
        return counter

    async def _last_number(self, counter_id: str) -> int:
        try:
            return int(await self._datamanager.read(RUN_COUNTER, counter_id))
        except NotExistError:
            return 0

    def _remember(self, config: RunConfig) -> None:
        self._cache[config.id] = config
        if len(self._cache) > CACHED_CONFIGS:
            self._cache.popitem(last=False)


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
