"""The datamanager, killed at every effect: what was acknowledged is there, the rest whole."""

import asyncio
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Generator
from contextlib import aclosing
from pathlib import Path

import pytest

from agola.datamanager import opening
from agola.datamanager.port import Action, DataManager
from agola.storage.kv.port import Delete, lock_key
from tests.testbed.crash_points import BASE, LIMITS, Forker, Point, commit, storage

MEMORY = Path("/dev/shm")

LOCKS = lock_key("")


@pytest.fixture(scope="module")
def forker() -> Generator[Forker, None, None]:
    with Forker() as forker:
        yield forker


@pytest.fixture
def root() -> Generator[Path, None, None]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


async def prepare(root: Path) -> None:
    """Leave a store with two snapshots, and batches behind them that are not marked."""
    async with storage(root) as (kv, objects), opening(kv, objects, BASE, limits=LIMITS) as store:
        for number in range(6):
            await commit(store, number, lambda _: None)
            if number in {1, 3}:
                await store.checkpoint()
    for marker in sorted((root / "objects/data" / BASE / "wals/status").iterdir())[-1:]:
        marker.unlink()


def without_key_value(root: Path) -> None:
    for file in root.glob("kv.db*"):
        file.unlink()


async def contents(store: DataManager) -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {}
    for data_type in ("half", "last", "gone", "imported"):
        async with aclosing(store.scan(data_type)) as objects:
            found[data_type] = {each.id: each.data async for each in objects}
    return found


async def reopened(root: Path) -> dict[str, dict[str, bytes]]:
    """Say what a later process finds; it must be able to go on, too."""
    async with storage(root) as (kv, objects):
        await kv.txn([], [Delete(LOCKS, prefix=True)])  # as if their leases had expired
        async with opening(kv, objects, BASE, limits=LIMITS) as store:
            found = await contents(store)
            await store.commit([Action("after", "after", b"")])
            await store.checkpoint()
            assert await store.read("after", "after") == b""
            assert await contents(store) == found
    return found


def check_batches(found: dict[str, dict[str, bytes]], acknowledged: set[str]) -> None:
    """See that some first batches are there wholly, and all that were acknowledged among them."""
    present = {name.partition("-")[0] for name in found["half"]}
    assert acknowledged <= present
    assert len(found["half"]) == 2 * len(present)
    assert not found["imported"]
    if present:
        last = max(present)
        assert found["last"] == {"last": last.encode()}
        assert found["gone"] == ({"gone": last.encode()} if int(last) % 2 else {})


def check_replaced(found: dict[str, dict[str, bytes]], said: set[str]) -> bool:
    replaced = bool(found["imported"])
    assert len(found["imported"]) == (6 if replaced else 0)
    assert len(found["half"]) == (0 if replaced else 12)
    assert replaced or "replaced" not in said
    return replaced


def points(root: Path) -> list[Point]:
    """Say all points of the run that was written down."""
    seen: Counter[str] = Counter()
    found: list[Point] = []
    for effect in (root / "effects").read_text().splitlines():
        seen[effect] += 1
        found += [Point(effect, seen[effect], after) for after in (False, True)]
    return found


def said(root: Path) -> set[str]:
    return set((root / "said").read_text().split())


def check(scenario: str, root: Path, before: set[str]) -> None:
    """See what is there, with the key-value store and without."""
    acknowledged = before | said(root)
    lost = root.with_name(f"{root.name}-lost")
    shutil.copytree(root, lost)
    without_key_value(lost)
    found = [asyncio.run(reopened(each)) for each in (root, lost)]
    if scenario == "replace":
        kept, without = (check_replaced(each, said(root)) for each in found)
        assert kept or not without  # what was decided only goes with the key-value store
    else:
        for each in found:
            check_batches(each, acknowledged)
    shutil.rmtree(lost)


@pytest.mark.parametrize("case", ["first start", "start", "write", "checkpoint", "replace"])
def test_whatever_a_process_does_when_it_is_killed_nothing_acknowledged_is_lost(
    forker: Forker, root: Path, case: str
) -> None:
    scenario = "start" if case == "first start" else case
    prepared = root / "prepared"
    prepared.mkdir()
    before: set[str] = set()
    if case != "first start":
        asyncio.run(prepare(prepared))
        before = {f"{number:03}" for number in range(6)}
    if case == "start":
        without_key_value(prepared)
    dry = root / "dry"
    shutil.copytree(prepared, dry)
    assert forker.run(scenario, dry) == 0
    all_points = points(dry)
    check(scenario, dry, before)
    killed = 0
    for place, point in enumerate(all_points):
        run = root / f"{place}"
        shutil.copytree(prepared, run)
        code = forker.run(scenario, run, point)
        assert code in {-signal.SIGKILL, 0}  # what is done in the background may not be done
        killed += code < 0
        try:
            check(scenario, run, set() if scenario == "replace" else before)
        except AssertionError as error:
            error.add_note(f"killed {point}")
            raise
        shutil.rmtree(run)
    assert killed > 0.8 * len(all_points)
