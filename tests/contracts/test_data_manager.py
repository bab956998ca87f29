"""What the datamanager promises, over every key-value driver."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec import structs

from agola import datamanager
from agola.config.model import Config, EtcdKeyValue
from agola.core.errors import ConcurrencyError, NotExistError, OutOfRangeError
from agola.datamanager.port import Action, DataManager
from agola.storage import kv, objects
from tests.testbed.data_manager_process import BASE, COMPONENT, process
from tests.testbed.etcd_process import EtcdServer
from tests.testbed.key_value_process import lines

pytest_plugins = ["tests.testbed.etcd"]


@pytest.fixture(params=["embedded", "etcd"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """A configuration whose storage holds nothing yet."""
    if request.param == "embedded":
        return Config(data_dir=tmp_path)
    server: EtcdServer = request.getfixturevalue("etcd_server")
    return _with_prefix(Config(data_dir=tmp_path), server.endpoint)


def _with_prefix(config: Config, *endpoints: str) -> Config:
    return structs.replace(
        config, key_value=EtcdKeyValue(endpoints=endpoints, prefix=f"{uuid4()}/")
    )


@asynccontextmanager
async def opening(config: Config, count: int = 1) -> AsyncGenerator[list[DataManager], None]:
    """Open the datamanager as *count* processes would."""
    async with (
        kv.opening(config, COMPONENT) as live,
        objects.opening(config, COMPONENT) as stored,
        datamanager.opening(live, stored, BASE) as first,
    ):
        if count == 1:
            yield [first]
            return
        async with datamanager.opening(live, stored, BASE) as second:
            yield [first, second]
            for each in (first, second):
                await each.groups([])  # nothing of the other one is being read any more


def without_key_value(config: Config) -> Config:
    """Lose the key-value store wholly."""
    if isinstance(config.key_value, EtcdKeyValue):
        return _with_prefix(config, *config.key_value.endpoints)
    for file in (config.data_dir / COMPONENT).glob("kv.db*"):
        file.unlink()
    return config


def put(object_id: str) -> Action:
    return Action("user", object_id, object_id.encode())


async def ids(store: DataManager) -> list[str]:
    async with aclosing(store.scan("user")) as stored:
        return [each.id async for each in stored]


async def test_commits_are_read_scanned_and_followed(config: Config) -> None:
    async with opening(config) as [store]:
        start = await store.position()
        await store.commit([put("b"), put("a")])
        last = await store.commit([Action("user", "b", None)])
        assert await store.read("user", "a") == b"a"
        with pytest.raises(NotExistError):
            await store.read("user", "b")
        assert await ids(store) == ["a"]
        assert await store.position() == last
        async with aclosing(store.follow(start)) as batches:
            assert (await anext(batches)).actions == (put("b"), put("a"))
            assert (await anext(batches)).sequence == last


async def test_a_group_that_moved_refuses_whoever_read_it_before(config: Config) -> None:
    async with opening(config, 2) as [one, other]:
        groups = await one.groups(["a", "b"])
        await other.commit([put("x")], groups=await other.groups(["b"]))
        with pytest.raises(ConcurrencyError) as caught:
            await one.commit([put("y")], groups=groups)
        assert caught.value.reason == "CHANGE_GROUP_CHANGED"
        fresh = await one.groups(["a", "b"])
        assert await ids(one) == ["x"]  # as new as the groups, though another process moved them
        await one.commit([put("y")], groups=fresh)
        assert await ids(one) == ["x", "y"]


async def test_one_of_many_creators_in_two_processes_wins(config: Config) -> None:
    async with opening(config, 2) as stores:

        async def create(store: DataManager, object_id: str) -> bool:
            groups = await store.groups(["name"])
            if await ids(store):
                return False
            try:
                await store.commit([put(object_id)], groups=groups)
            except ConcurrencyError:
                return False
            return True

        won = await asyncio.gather(*(create(stores[n % 2], str(n)) for n in range(10)))
        assert won.count(True) == 1
        await stores[0].groups(["name"])
        assert len(await ids(stores[0])) == 1


async def test_what_a_killed_process_committed_is_there_even_without_its_key_value_store(
    config: Config,
) -> None:
    async with process(config) as child:
        committed = set(await lines(child, 250))  # checkpoints are under way too
        child.kill()
        rest, _ = await child.communicate()
        committed |= set(rest.decode().split("\n")[:-1])
    async with opening(config) as [store]:
        found = await ids(store)
        assert committed <= set(found)
        position = await store.position()
    config = without_key_value(config)
    async with opening(config) as [store]:
        assert await ids(store) == found
        async with aclosing(store.follow(position)) as batches:
            with pytest.raises(OutOfRangeError):
                await anext(batches)


async def test_what_a_killed_process_committed_is_there_if_the_key_value_store_went_with_it(
    config: Config,
) -> None:
    async with process(config) as child:
        committed = set(await lines(child, 130))
        child.kill()
        rest, _ = await child.communicate()
        committed |= set(rest.decode().split("\n")[:-1])
    async with opening(without_key_value(config)) as [store]:
        assert committed <= set(await ids(store))
