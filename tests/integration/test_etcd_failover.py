"""What happens to the etcd driver when etcd gets into trouble: real members, killed and stopped."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from agola.config.model import Config, EtcdKeyValue
from agola.core.errors import OutOfRangeError, UnavailableError
from agola.storage.kv import opening
from agola.storage.kv.port import Changes, Compare, KeyValue, Put, Revision
from tests.testbed.etcd_process import EtcdServer, etcd_cluster

OUTAGE_SECONDS = 20
"""What no outage of a single member may exceed here; in life it is about two seconds."""


def config_of(*servers: EtcdServer) -> Config:
    return Config(key_value=EtcdKeyValue(endpoints=tuple(each.endpoint for each in servers)))


@pytest.fixture
def server(tmp_path: Path) -> Generator[EtcdServer, None, None]:
    with etcd_cluster(tmp_path, 1) as (only,):
        yield only


@pytest.fixture
def cluster(tmp_path: Path) -> Generator[list[EtcdServer], None, None]:
    with etcd_cluster(tmp_path, 3) as servers:
        yield servers


async def put_surely(store: KeyValue, key: str) -> Revision:
    """Create a key as a careful caller does: after an unknown outcome, by looking."""
    async with asyncio.timeout(OUTAGE_SECONDS):
        while True:
            try:
                outcome = await store.txn([Compare(key, Revision(0))], [Put(key, b"")])
                entry = await store.get(key)
            except UnavailableError:
                continue
            assert entry is not None
            assert entry.version == 1
            assert outcome.revision >= entry.mod_revision
            return entry.mod_revision


class Reader:
    """Follows a watch in the background."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self._more = asyncio.Event()

    async def follow(self, stream: AsyncGenerator[Changes, None]) -> None:
        async with aclosing(stream):
            async for changes in stream:
                self.keys += [change.key for change in changes.changes]
                self._more.set()

    async def has(self, count: int) -> None:
        async with asyncio.timeout(OUTAGE_SECONDS):
            while len(self.keys) < count:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def following(store: KeyValue) -> AsyncGenerator[Reader, None]:
    reader = Reader()
    stream = store.watch("w/", after=(await store.range("")).revision)
    task = asyncio.create_task(reader.follow(stream))
    try:
        yield reader
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_watch_goes_on_when_etcd_was_killed_and_is_back(server: EtcdServer) -> None:
    async with opening(config_of(server), "tests") as store, following(store) as reader:
        await put_surely(store, "w/before")
        await reader.has(1)
        await asyncio.to_thread(server.kill)
        writing = asyncio.ensure_future(put_surely(store, "w/during"))
        server.start()
        await writing
        await put_surely(store, "w/after")
        await reader.has(3)
    assert reader.keys == ["w/before", "w/during", "w/after"]


async def test_a_dead_etcd_is_unavailable_within_bounds(server: EtcdServer) -> None:
    async with opening(config_of(server), "tests") as store:
        server.kill()
        calls = (store.get("a"), store.range(""), store.txn([], [Put("a", b"")]))
        async with asyncio.timeout(OUTAGE_SECONDS):
            errors = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(error) for error in errors] == [UnavailableError] * 3
        assert {getattr(error, "reason", "") for error in errors} == {"KV_UNAVAILABLE"}


async def test_history_that_was_compacted_while_nobody_could_watch_is_noticed(
    server: EtcdServer,
) -> None:
    async with opening(config_of(server), "tests") as store:
        start = await put_surely(store, "w/a")
        stream = store.watch("w/", after=start)
        last = await put_surely(store, "w/b")
        assert (await anext(stream)).revision == last
        server.kill()
        server.start()
        async with opening(config_of(server), "tests") as other:
            await put_surely(other, "w/c")
            newest = await put_surely(other, "w/d")
            await put_surely(other, "w/e")
            await other.compact(newest)
        assert await why_it_ended(stream) == "REVISION_COMPACTED"


async def why_it_ended(stream: AsyncGenerator[Changes, None]) -> str:
    try:
        async with aclosing(stream), asyncio.timeout(OUTAGE_SECONDS):
            async for changes in stream:
                assert not changes.changes
    except OutOfRangeError as error:
        return error.reason
    return "it did not end"


async def test_a_watch_notices_that_etcd_lost_its_data(server: EtcdServer) -> None:
    async with opening(config_of(server), "tests") as store:
        await put_surely(store, "w/a")
        seen = await put_surely(store, "w/b")
        stream = store.watch("w/", after=Revision(seen - 1))
        assert (await anext(stream)).revision == seen
        server.kill()
        server.data_dir.rename(server.data_dir.with_suffix(".lost"))
        server.start()
        assert await why_it_ended(stream) == "REVISION_REGRESSED"


@pytest.mark.parametrize("hurt", ["SIGSTOP", "SIGKILL"])
async def test_two_of_three_members_are_enough(cluster: list[EtcdServer], hurt: str) -> None:
    async with opening(config_of(*cluster), "tests") as store, following(store) as reader:
        expected = []
        for number, victim in enumerate(cluster):
            async with hurting(victim, signal.Signals[hurt]):
                expected += [f"w/{number}/{i}" for i in range(3)]
                for key in expected[-3:]:
                    await put_surely(store, key)
                await reader.has(len(expected))
    assert reader.keys == expected


@asynccontextmanager
async def hurting(server: EtcdServer, number: signal.Signals) -> AsyncGenerator[None, None]:
    """Stop or kill a member while the block runs, and have it back afterwards."""
    server.signal(number)
    try:
        yield
    finally:
        if number is signal.SIGSTOP:
            server.signal(signal.SIGCONT)
        else:
            server.kill()
            server.start()
        await asyncio.to_thread(server.wait_until_ready)


async def test_a_watch_leaves_a_member_that_hangs_though_nobody_calls_it(
    cluster: list[EtcdServer],
) -> None:
    hung, *healthy = cluster
    async with (
        opening(config_of(hung, *healthy), "tests") as store,
        opening(config_of(*healthy), "tests") as other,
        following(store) as reader,
    ):
        await put_surely(other, "w/before")
        await reader.has(1)
        async with hurting(hung, signal.SIGSTOP):
            await put_surely(other, "w/during")
            await reader.has(2)


async def test_a_lease_and_its_lock_outlive_a_member_that_hangs(
    cluster: list[EtcdServer],
) -> None:
    async with (
        opening(config_of(*cluster), "tests") as store,
        store.lock("l", ttl=timedelta(seconds=6)) as lock,
        hurting(cluster[0], signal.SIGSTOP),
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await lock.lost()
        entry = await store.get(lock.held.key)
        assert entry is not None
        assert entry.lease == lock.id


async def test_a_lease_is_lost_in_time_when_etcd_is_gone(server: EtcdServer) -> None:
    async with (
        opening(config_of(server), "tests") as store,
        store.lease(timedelta(seconds=2)) as lease,
    ):
        server.kill()
        async with asyncio.timeout(3):
            await lease.lost()
