"""What the datamanager promises, over every key-value driver."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec import structs

from agola import datamanager
from agola.config.model import Config, EtcdKeyValue
from agola.core.errors import ConcurrencyError, InternalError, NotExistError, OutOfRangeError
from agola.datamanager.port import Action, DataManager
from agola.storage import kv, objects
from tests.testbed.data_manager_process import BASE, COMPONENT, process
from tests.testbed.etcd_process import EtcdServer, etcd_cluster
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


@pytest.fixture
def own_etcd(tmp_path: Path) -> Generator[EtcdServer, None, None]:
    """An etcd of this test alone, which may be hurt."""
    with etcd_cluster(tmp_path, 1) as (server,):
        yield server


def restarted(server: EtcdServer, data: Path | None) -> None:
    """Let an etcd lose what it has, and begin with a copy of its data, or with nothing."""
    server.kill()
    shutil.rmtree(server.data_dir)
    if data is not None:
        shutil.copytree(data, server.data_dir)
    server.start()
    server.wait_until_ready()


async def test_an_etcd_that_lost_everything_ends_what_is_open_which_then_recovers_all(
    own_etcd: EtcdServer, tmp_path: Path
) -> None:
    config = _with_prefix(Config(data_dir=tmp_path), own_etcd.endpoint)
    with pytest.raises(InternalError) as caught:  # noqa: PT012
        async with opening(config) as [store]:
            for each in ("a", "b", "c"):
                await store.commit([put(each)])
            position = await store.position()
            await asyncio.to_thread(restarted, own_etcd, None)
            async with asyncio.timeout(20):
                await asyncio.get_running_loop().create_future()
    assert caught.value.reason == "KV_STATE_LOST"
    async with opening(config) as [store]:
        assert await ids(store) == ["a", "b", "c"]
        assert await store.position() > position


async def test_a_backup_of_etcd_that_is_older_than_object_storage_is_reset(
    own_etcd: EtcdServer, tmp_path: Path
) -> None:
    config = _with_prefix(Config(data_dir=tmp_path), own_etcd.endpoint)
    async with opening(config) as [store]:
        await store.commit([put("a")])
    own_etcd.kill()
    backup = tmp_path / "backup"
    shutil.copytree(own_etcd.data_dir, backup)
    own_etcd.start()
    own_etcd.wait_until_ready()
    async with opening(config) as [store]:
        await store.commit([put("b")])
        position = await store.position()
    restarted(own_etcd, backup)
    async with opening(config) as [store]:
        assert await ids(store) == ["a", "b"]
        assert await store.position() > position


async def test_a_view_and_a_replacement_work_on_every_driver(config: Config) -> None:
    async with opening(config, 2) as [one, other]:
        await one.commit([put("a"), put("b")])
        async with other.view() as view:
            await one.commit([put("c")])
            async with aclosing(view.scan("user")) as found:
                exported = [each async for each in found]
        assert [each.id for each in exported] == ["a", "b"]
    async with kv.opening(config, COMPONENT) as live, objects.opening(config, COMPONENT) as stored:
        async with datamanager.replacing(live, stored, BASE) as replacement:
            for each in exported:
                await replacement.put(each)
            number = await replacement.commit()
        async with datamanager.opening(live, stored, BASE) as store:
            assert await ids(store) == ["a", "b"]
            assert await store.position() == number
