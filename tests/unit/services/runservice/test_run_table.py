"""The table of ended runs follows the datamanager through everything."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from msgspec import json

from agola import datamanager
from agola.config.model import Config
from agola.core.errors import UnavailableError
from agola.datamanager.port import Action
from agola.model.run import ArchivedRun, Phase, Run
from agola.model.run_config import RunID
from agola.services.runservice.store.run_table import MIGRATIONS, RUN, run_table
from agola.storage import kv, objects, sql
from agola.storage.sql.port import Database, Transaction


class FalteringDatabase:
    """A database that refuses the next `failures` writes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.failures = 0

    @asynccontextmanager
    async def tx(self) -> AsyncGenerator[Transaction, None]:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("not now", reason="SQL_UNAVAILABLE")
        async with self._database.tx() as tx:
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Transaction, None]:
        async with self._database.read() as tx:
            yield tx


def archived(name: str) -> Action:
    run = Run(
        id=RunID(name),
        name=name,
        group="/user/u",
        counter=1,
        create_time=datetime(2026, 1, 1, tzinfo=UTC),
        phase=Phase.CANCELLED,
        request_id=f"request-{name}",
    )
    return Action(RUN, run.id, json.encode(ArchivedRun(run=run, tasks=())))


async def test_the_table_catches_up_when_its_database_is_back(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path)
    async with AsyncExitStack() as stack, asyncio.timeout(20):
        keys = await stack.enter_async_context(kv.opening(config, "x"))
        files = await stack.enter_async_context(objects.opening(config, "x"))
        data = await stack.enter_async_context(datamanager.opening(keys, files, "d"))
        database = await stack.enter_async_context(sql.opening(config, "x", MIGRATIONS))
        faltering = FalteringDatabase(database)
        table = await stack.enter_async_context(run_table(faltering, data))
        await table.reached(await data.commit([archived("a")]))
        faltering.failures = 1
        await table.reached(await data.commit([archived("b")]))
        assert await table.requested("request-a") == "a"
        assert await table.requested("request-b") == "b"
        assert await table.newest_run_id() == "b"
