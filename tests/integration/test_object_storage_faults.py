"""The datamanager over an object storage that fills up, fails or stalls."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
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
from tests.testbed.outage import Outage

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


async def test_what_is_acknowledged_outlives_every_outage(outage: Outage, tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path / "data", objects=outage.objects)
    everything = [f"{moment}{number}" for moment in ("before", "in", "after") for number in "12345"]
    async with opened(config, OFTEN) as (store, _):
        acknowledged = await commit_all(store, everything[:5])
        await outage.begin()
        for start in range(5, 9):
            acknowledged |= await commit_all(store, everything[start : start + 2])
        assert not acknowledged.intersection(everything[5:10])
        await outage.end()
        acknowledged |= await commit_all(store, everything[10:])
        assert acknowledged == {*everything[:5], *everything[10:]}
        assert acknowledged <= await whole(store) <= {*everything}
        await store.checkpoint()
        there = await whole(store)
    async with opened(config) as (store, _):
        assert await whole(store) == there
    lose_key_value(config)
    async with opened(config) as (store, _):
        assert there <= await whole(store) <= {*everything}


async def test_a_checkpoint_that_is_due_in_an_outage_comes_by_itself_after_it(
    tmp_path: Path,
) -> None:
    config = Config(data_dir=tmp_path)
    async with opened(config, OFTEN) as (store, faulty):
        failing = faulty.fail("write", path=".status", times=1)
        await commit_all(store, ["a", "b", "c", "d"])
        for name in "efgh":
            await store.commit(pair(name))
        await failing.met.wait()
        written = faulty.fail("write", path=".status", fault=Fault.STALL)
        async with asyncio.timeout(30):
            await written.met.wait()
        faulty.heal()
        assert await whole(store) == set("abcdefgh")
    async with opened(config) as (store, _):
        assert await whole(store) == set("abcdefgh")


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
@pytest.mark.parametrize("path", ["wals/data/", "wals/status/", ".data", ".index", ".status"])
async def test_each_write_may_fail_once(tmp_path: Path, path: str, fault: Fault) -> None:
    config = Config(data_dir=tmp_path)
    acknowledged = set()
    async with opened(config) as (store, faulty):
        acknowledged |= await commit_all(store, ["a"])
        faulty.fail("write", path=path, fault=fault)
        for name in "bc":
            acknowledged |= await commit_all(store, [name])
            with suppress(UnavailableError):
                await store.checkpoint()
        assert acknowledged <= await whole(store) <= set("abc")
        await store.checkpoint()
    lose_key_value(config)
    async with opened(config) as (store, _):
        assert acknowledged <= await whole(store) <= set("abc")


async def test_markers_that_an_outage_delayed_are_written_when_it_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(data_dir=tmp_path)
    async with opened(config) as (store, faulty):
        away = faulty.fail("write", path="wals/status/", times=-1)
        await store.commit(pair("a"))
        await away.met.wait()
        faulty.heal()
        back = faulty.fail("write", path="wals/status/", fault=Fault.STALL)
        async with asyncio.timeout(20):
            await back.met.wait()
        faulty.heal()
    assert "batches could not be marked" in caplog.text
    assert "Traceback" not in caplog.text


async def test_who_closes_in_an_outage_loses_nothing(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path)
    async with opened(config) as (store, faulty):
        faulty.fail("write", path="wals/status/", times=-1)
        await store.commit(pair("a"))
    lose_key_value(config)
    async with opened(config) as (store, _):
        assert await whole(store) == {"a"}


async def test_a_commit_in_a_stall_waits_and_then_is_there(tmp_path: Path) -> None:
    async with opened(Config(data_dir=tmp_path)) as (store, faulty):
        stall = faulty.fail("write", path="wals/data/", fault=Fault.STALL)
        commits = [asyncio.create_task(store.commit(pair(name))) for name in "abc"]
        await stall.met.wait()
        assert await whole(store) == set()
        stall.go_on.set()
        await asyncio.gather(*commits)
        assert await whole(store) == set("abc")
