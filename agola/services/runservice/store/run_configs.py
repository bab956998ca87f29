"""Run configs in the datamanager, and the numbers of their runs."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agola.core.background import background
from agola.core.errors import AgolaError, ConcurrencyError, NotExistError
from agola.core.keyring import Key, Sealer
from agola.datamanager.port import Action, DataManager
from agola.maintenance.key_register import KeyRegister
from agola.model.group import root_group
from agola.model.run_config import RunConfig, RunID
from agola.services.runservice.ports.live import no_run
from agola.services.runservice.store.run_config_record import RUN_CONFIG, RunConfigRecords

RUN_COUNTER = "runcounter"
CACHED_CONFIGS = 500
MAX_BATCH = 50

MANY_TASKS, MANY_BYTES = 50, 64 * 1024
"""From here on, run configs are encrypted and decrypted beside the event loop, not in it."""


@dataclass(frozen=True, slots=True)
class _Request:
    config: RunConfig
    counter: "asyncio.Future[int]"


class StoredRunConfigs:
    """Run configs in the datamanager, with their secrets sealed; the latest in memory too.

    Those that arrive while others are written go into the next batch, together: so numbers are
    consecutive, and a burst costs little more than one.
    """

    def __init__(self, datamanager: DataManager, register: KeyRegister) -> None:
        self._datamanager = datamanager
        self._register = register
        self.records = RunConfigRecords(Sealer(register.keys))
        self._cache: OrderedDict[RunID, RunConfig] = OrderedDict()
        self._waiting: list[_Request] = []
        self._wake = asyncio.Event()

    async def create(self, config: RunConfig) -> int:
        request = _Request(config, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._wake.set()
        counter = await request.counter
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
        few = len(data) < MANY_BYTES
        decode = self.records.decode
        config = decode(run_id, data) if few else await asyncio.to_thread(decode, run_id, data)
        self._remember(config)
        return config

    async def write(self) -> None:
        """Write what waits, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            requests = [one for one in self._waiting if not one.counter.done()][:MAX_BATCH]
            self._waiting = self._waiting[len(requests) :] if requests else []
            if self._waiting:
                self._wake.set()
            try:
                await self._write(requests)
            except AgolaError as error:
                for request in requests:
                    if not request.counter.done():
                        request.counter.set_exception(error)

    async def _write(self, requests: Sequence[_Request]) -> None:
        while requests:
            try:
                counters = await self._commit([request.config for request in requests])
            except ConcurrencyError:  # another process took a number: ask for the next ones
                continue
            for request, counter in zip(requests, counters, strict=True):
                if not request.counter.done():
                    request.counter.set_result(counter)
            return

    async def _commit(self, configs: Sequence[RunConfig]) -> list[int]:
        """Keep run configs, each with the next number of its root.  ConcurrencyError."""
        key = await self._register.current()
        roots = {_counter_id(config): 0 for config in configs}
        groups = await self._datamanager.groups([f"counter-{root}" for root in roots])
        for root in roots:
            roots[root] = await self._last_number(root)
        counters = []
        for config in configs:
            root = _counter_id(config)
            roots[root] += 1
            counters.append(roots[root])
        actions = [
            *await self._puts(configs, key),
            *(Action(RUN_COUNTER, root, str(last).encode()) for root, last in roots.items()),
        ]
        await self._datamanager.commit(actions, groups=groups)
        while (newer := await self._register.current()).id != key.id:  # a rotation has begun
            key = newer
            await self._datamanager.commit(await self._puts(configs, key))
        return counters

    async def _puts(self, configs: Sequence[RunConfig], key: Key) -> list[Action]:
        def puts() -> list[Action]:
            return [Action(RUN_CONFIG, one.id, self.records.encode(one, key)) for one in configs]

        few = sum(len(config.tasks) for config in configs) < MANY_TASKS
        return puts() if few else await asyncio.to_thread(puts)

    async def _last_number(self, counter_id: str) -> int:
        try:
            return int(await self._datamanager.read(RUN_COUNTER, counter_id))
        except NotExistError:
            return 0

    def _remember(self, config: RunConfig) -> None:
        self._cache[config.id] = config
        if len(self._cache) > CACHED_CONFIGS:
            self._cache.popitem(last=False)


@asynccontextmanager
async def run_configs(
    datamanager: DataManager, register: KeyRegister
) -> AsyncGenerator[StoredRunConfigs, None]:
    """Give the run configs; what waits to be written is written while the block runs."""
    configs = StoredRunConfigs(datamanager, register)
    async with background(configs.write):
        yield configs


def _counter_id(config: RunConfig) -> str:
    """Name the counter of a config's root group: `project-<id>`."""
    return root_group(config.group).strip("/").replace("/", "-")
