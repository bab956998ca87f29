"""A process that commits to a datamanager as fast as it can, to be killed."""

import asyncio
import pickle
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agola import datamanager
from agola.config.model import Config
from agola.datamanager.port import Action
from agola.storage import kv, objects

COMPONENT = "tests"
BASE = "base"
WRITERS = 4


@asynccontextmanager
async def process(config: Config) -> AsyncGenerator[asyncio.subprocess.Process, None]:
    """Run it; each id that it prints was said to be committed.  Killed after the block."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, pickle.dumps(config).hex()),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def main(config: Config) -> None:
    async with (
        kv.opening(config, COMPONENT) as live,
        objects.opening(config, COMPONENT) as stored,
        datamanager.opening(live, stored, BASE) as store,
        asyncio.TaskGroup() as group,
    ):

        async def commit_all(name: str) -> None:
            for number in range(100_000):
                object_id = f"{name}-{number}"
                await store.commit([Action("user", object_id, object_id.encode())])
                sys.stdout.write(f"{object_id}\n")
                sys.stdout.flush()

        for writer in range(WRITERS):
            group.create_task(commit_all(f"w{writer}"))


if __name__ == "__main__":
    asyncio.run(main(pickle.loads(bytes.fromhex(sys.argv[1]))))
