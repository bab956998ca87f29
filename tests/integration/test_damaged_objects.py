"""The datamanager over objects that lost their end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from agola import datamanager
from agola.config.model import Config
from agola.core.errors import InternalError, UnavailableError
from agola.datamanager.limits import Limits
from agola.datamanager.port import Action, DataManager
from agola.datamanager.store import StoredDataManager
from agola.storage import kv, objects
from tests.testbed.faulty_objects import Fault, FaultyObjects

pytest_plugins = ["tests.testbed.outages", "tests.testbed.s3", "tests.testbed.small_disk"]

BASE = "data"
NEVER = Limits(checkpoint_wals=1_000_000)
OFTEN = Limits(checkpoint_wals=4, keep_wals=2, keep_snapshots=1)
TEXT = b"x" * 300


@asynccontextmanager
async def opened(
    config: Config, limits: Limits = NEVER
) -> AsyncGenerator[tuple[StoredDataManager, FaultyObjects], None]:
    async with kv.opening(config, "tests") as keys, objects.opening(config, "tests") as files:
        faulty = FaultyObjects(files)
        async with datamanager.opening(keys, faulty, BASE, limits=limits) as store:
            yield store, faulty


def lose_key_value(config: Config) -> None:
    for file in (config.data_dir / "tests").glob("kv.db*"):
        file.unlink()


def pair(name: str) -> list[Action]:
    """Two objects that are there together or not at all."""
    return [Action("left", name, TEXT), Action("right", name, TEXT)]


async def ids(store: DataManager, data_type: str) -> set[str]:
    async with aclosing(store.scan(data_type)) as found:
        return {each.id async for each in found}


async def whole(store: DataManager) -> set[str]:
    """Say which pairs are there; each has both of its objects."""
    left = await ids(store, "left")
    assert left == await ids(store, "right")
    return left


async def commit_all(store: DataManager, names: list[str]) -> set[str]:
    """Commit pairs side by side; give those that were acknowledged."""
    outcomes = await asyncio.gather(
        *(store.commit(pair(name)) for name in names), return_exceptions=True
    )
    failures = [each for each in outcomes if isinstance(each, BaseException)]
    assert all(isinstance(each, UnavailableError | InternalError) for each in failures), failures
    return {name for name, each in zip(names, outcomes, strict=True) if isinstance(each, str)}


@pytest.mark.parametrize("path", ["wals/data/", ".status"])
async def test_an_object_that_lost_its_end_is_named_at_the_start(tmp_path: Path, path: str) -> None:
    config = Config(data_dir=tmp_path)
    async with opened(config) as (store, _):
        await store.commit(pair("a"))
        await store.checkpoint()
        await store.commit(pair("b"))
    async with kv.opening(config, "tests") as keys, objects.opening(config, "tests") as files:
        faulty = FaultyObjects(files)
        faulty.fail("read", path=path, fault=Fault.TRUNCATE, times=-1)
        with pytest.raises(InternalError) as caught:
            async with datamanager.opening(keys, faulty, BASE):
                pass
    assert path in caught.value.message
    async with opened(config) as (store, _):
        assert await whole(store) == {"a", "b"}


@pytest.mark.parametrize("path", [".data", ".index"])
async def test_a_data_file_that_lost_its_end_is_named_by_who_reads_it(
    tmp_path: Path, path: str
) -> None:
    async with opened(Config(data_dir=tmp_path)) as (store, faulty):
        await store.commit(pair("a"))
        await store.checkpoint()
        faulty.fail("read", path=path, fault=Fault.TRUNCATE, times=-1)
        with pytest.raises(InternalError) as caught:
            await store.read("left", "a")
        assert path in caught.value.message
        if path == ".data":
            with pytest.raises(InternalError):
                await ids(store, "left")
            await store.commit(pair("b"))
            with pytest.raises(InternalError):
                await store.checkpoint()
        faulty.heal()
        assert await store.read("left", "a") == TEXT
