"""A process with a key-value store open, to be killed."""

import asyncio
import pickle
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from agola.config.model import Config
from agola.storage.kv import opening
from agola.storage.kv.port import KeyValue, Put
from tests.testbed.etcd_process import DIES_WITH_ITS_PARENT

TTL = timedelta(seconds=1)


@asynccontextmanager
async def process(config: Config, mode: str) -> AsyncGenerator[asyncio.subprocess.Process, None]:
    """Run `lease`, `lock` or `write` in a process that is killed after the block, if not before."""
    child = await asyncio.create_subprocess_exec(
        *DIES_WITH_ITS_PARENT,
        *(sys.executable, "-m", __name__, pickle.dumps(config).hex(), mode),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def lines(child: asyncio.subprocess.Process, count: int) -> list[str]:
    """Read so many lines of what it prints."""
    assert child.stdout is not None
    async with asyncio.timeout(20):
        return [(await child.stdout.readline()).decode().strip() for _ in range(count)]


def say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def hold_a_lease(store: KeyValue) -> None:
    """Put `leased` with a lease, say the revision, live on."""
    async with store.lease(TTL) as lease:
        say((await store.txn([], [Put("leased", b"", lease.id)])).revision)
        await lease.lost()


async def hold_a_lock(store: KeyValue) -> None:
    """Take the lock `l`, say so, live on."""
    async with store.lock("l", ttl=TTL) as lock:
        say("locked")
        await lock.lost()


async def write(store: KeyValue) -> None:
    """Put keys from many tasks at once; say each after it is said to be written."""

    async def put_all(name: str) -> None:
        for number in range(100_000):
            key = f"{name}/{number}"
            await store.txn([], [Put(key, key.encode()), Put(f"{key}/too", b"")])
            say(key)

    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(put_all(name))


async def main(config: Config, mode: str) -> None:
    async with opening(config, "tests") as store:
        await {"lease": hold_a_lease, "lock": hold_a_lock, "write": write}[mode](store)


if __name__ == "__main__":
    asyncio.run(main(pickle.loads(bytes.fromhex(sys.argv[1])), sys.argv[2]))
