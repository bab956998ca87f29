"""A process with a datamanager and a read database, which writes and reads what it wrote."""

import asyncio
import pickle
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from agola import datamanager, readdb
from agola.config.model import Config
from agola.core.errors import UnavailableError
from agola.datamanager.port import Action, DataManager
from agola.readdb import Kind, ReadDatabase, Tables
from agola.storage import kv, objects, sql
from agola.storage.sql.port import Row
from tests.testbed.etcd_process import DIES_WITH_ITS_PARENT

COMPONENT = "things"
WRITERS = 3
WRITES = 40
TABLES = Tables(
    """
    CREATE TABLE IF NOT EXISTS thing (id TEXT NOT NULL, data TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS thing_id ON thing (id);
    """,
    [Kind("thing", {"thing": ("id", "data")}, lambda data: {"thing": [_row(data)]})],
)
"""Without a primary key: a row that is there twice would show."""


def _row(data: bytes) -> Row:
    thing, value = data.decode().split("=")
    return thing, value


@asynccontextmanager
async def opening(config: Config) -> AsyncGenerator[tuple[DataManager, ReadDatabase], None]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        keys = await enter(kv.opening(config, COMPONENT))
        files = await enter(objects.opening(config, COMPONENT))
        data = await enter(datamanager.opening(keys, files, "d"))
        database = await enter(sql.opening(config, COMPONENT, TABLES.definition))
        yield data, await enter(readdb.following(database, data, TABLES))


@asynccontextmanager
async def process(config: Config, name: str) -> AsyncGenerator[asyncio.subprocess.Process, None]:
    """Run it until all is written; it says each thing that it read as it had written it."""
    child = await asyncio.create_subprocess_exec(
        *DIES_WITH_ITS_PARENT,
        *(sys.executable, "-m", __name__, pickle.dumps(config).hex(), name),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def read(copy: ReadDatabase, thing: str) -> list[str]:
    """Read a thing as soon as there is an answer, whatever becomes of the tables."""
    while True:
        try:
            async with copy.read() as tx:
                rows = await tx.fetch("SELECT data FROM thing WHERE id = ?", (thing,))
                return [data for (data,) in rows]
        except UnavailableError:
            await asyncio.sleep(0.01)


async def write(data: DataManager, copy: ReadDatabase, thing: str) -> None:
    for value in ("first", "second"):
        sequence = await data.commit([Action("thing", thing, f"{thing}={value}".encode())])
        await copy.reached(sequence)
        found = await read(copy, thing)
        if found != [value]:
            raise AssertionError((thing, value, found))
    sys.stdout.write(f"{thing}\n")
    sys.stdout.flush()


async def main(config: Config, name: str) -> None:
    async def write_all(data: DataManager, copy: ReadDatabase, writer: int) -> None:
        for number in range(WRITES):
            await write(data, copy, f"{name}-{writer}-{number:03}")

    async with opening(config) as (data, copy), asyncio.TaskGroup() as group:
        for writer in range(WRITERS):
            group.create_task(write_all(data, copy, writer))


if __name__ == "__main__":
    asyncio.run(main(pickle.loads(bytes.fromhex(sys.argv[1])), sys.argv[2]))
