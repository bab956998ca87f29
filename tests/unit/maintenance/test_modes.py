"""agola.maintenance.modes: one body at a time, the one that the flag asks for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from pathlib import Path

import pytest

from agola.config.model import Config
from agola.core.background import background
from agola.core.clock import SystemClock
from agola.core.errors import InternalError, OutOfRangeError, UnavailableError
from agola.core.ids import RandomIds
from agola.maintenance.flag import MaintenanceFlag
from agola.maintenance.modes import modes
from agola.storage import kv
from agola.storage.kv.port import Changes, KeyValue, Page, Revision


class Bodies:
    """Both bodies of a service; tells what becomes of them."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.open: list[str] = []
        self.failing: list[Exception] = []
        """What the next ones raise as they open."""
        self.gate = asyncio.Event()
        """While it is not set, none opens."""
        self.gate.set()
        self.breaking = asyncio.Event()
        self.breaks_with: Exception = ValueError("broken")
        """What a loop in the present one raises as soon as `breaking` is set."""

    @asynccontextmanager
    async def body(self, name: str) -> AsyncGenerator[None, None]:
        if self.failing:
            raise self.failing.pop()
        await self.gate.wait()
        assert not self.open, "the other one is still there"
        self.open.append(name)
        self.told.put_nowait(f"{name} opens")
        try:
            async with background(self._break):
                yield
        finally:
            self.open.remove(name)
            self.told.put_nowait(f"{name} closes")

    async def _break(self) -> None:
        await self.breaking.wait()
        self.breaking.clear()
        raise self.breaks_with

    def running(self, store: KeyValue) -> AbstractAsyncContextManager[None]:
        return modes(
            store,
            serve=lambda: self.body("serve"),
            maintain=lambda: self.body("maintain"),
            clock=SystemClock(),
            ids=RandomIds(),
        )

    async def tell(self, *expected: str) -> None:
        async with asyncio.timeout(20):
            assert [await self.told.get() for _ in expected] == list(expected)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[KeyValue, None]:
    async with kv.opening(Config(data_dir=tmp_path), "tests") as opened:
        yield opened


@pytest.fixture
def flag(store: KeyValue) -> MaintenanceFlag:
    return MaintenanceFlag(store, SystemClock())


@pytest.fixture
def bodies() -> Bodies:
    return Bodies()


def lost() -> InternalError:
    return InternalError("the store is not what it was", reason="KV_STATE_LOST")


async def forever(bodies: Bodies, store: KeyValue) -> None:
    async with bodies.running(store):
        await asyncio.get_running_loop().create_future()


async def modes_of(store: KeyValue, flag: MaintenanceFlag, expected: list[bool]) -> None:
    """Wait until the instances that are listed are in these modes."""
    async with asyncio.timeout(20):
        while True:
            status = await flag.status()
            if [instance.maintenance for instance in status.instances] == expected:
                return
            await changed(store)


async def changed(store: KeyValue) -> None:
    """Wait a moment, or until something changes."""
    revision = (await store.range("maintenance/")).revision
    async with aclosing(store.watch("maintenance/", after=revision)) as history:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(history)


async def test_the_first_body_is_the_one_that_the_flag_asks_for(
    store: KeyValue, flag: MaintenanceFlag, bodies: Bodies
) -> None:
    async with bodies.running(store):
        assert bodies.open == ["serve"]
    await flag.enable()
    async with bodies.running(store):
        assert bodies.open == ["maintain"]
    await bodies.tell("serve opens", "serve closes", "maintain opens", "maintain closes")


async def test_bodies_take_turns_as_the_flag_changes(
    store: KeyValue, flag: MaintenanceFlag, bodies: Bodies
) -> None:
    async with bodies.running(store):
        await bodies.tell("serve opens")
        for _ in range(3):
            await flag.enable()
            await bodies.tell("serve closes", "maintain opens")
            await flag.disable()
            await bodies.tell("maintain closes", "serve opens")
    await bodies.tell("serve closes")


async def test_what_is_asked_for_twice_happens_once(
    store: KeyValue, flag: MaintenanceFlag, bodies: Bodies
) -> None:
    async with bodies.running(store):
        await flag.disable()
        await flag.enable()
        await flag.enable()
        await bodies.tell("serve opens", "serve closes", "maintain opens")
        await flag.disable()
        await flag.disable()
        await bodies.tell("maintain closes", "serve opens")
    await bodies.tell("serve closes")


async def test_every_instance_tells_its_mode_as_long_as_it_lives(
    store: KeyValue, flag: MaintenanceFlag
) -> None:
    one, other = Bodies(), Bodies()
    async with one.running(store):
        async with other.running(store):
            await modes_of(store, flag, [False, False])
            assert (await flag.status()).settled
            await flag.enable()
            await modes_of(store, flag, [True, True])
            status = await flag.status()
            assert status.settled
            assert len({instance.id for instance in status.instances}) == 2
        await modes_of(store, flag, [True])
    status = await flag.status()
    assert (status.requested, status.instances, status.settled) == (True, (), False)


async def test_an_instance_that_is_about_to_serve_says_so(
    store: KeyValue, flag: MaintenanceFlag, bodies: Bodies
) -> None:
    await flag.enable()
    async with bodies.running(store):
        await modes_of(store, flag, [True])
        bodies.gate.clear()
        await flag.disable()
        await bodies.tell("maintain opens", "maintain closes")
        await flag.enable()
        async with asyncio.timeout(20):
            while not (status := await flag.status()).instances[0].opening:
                await changed(store)
        assert status.instances[0].maintenance
        assert not status.settled
        bodies.gate.set()
        await bodies.tell("serve opens", "serve closes", "maintain opens")
        async with asyncio.timeout(20):
            while not (await flag.status()).settled:
                await changed(store)


async def test_a_first_body_that_cannot_open_fails_as_it_would_alone(
    store: KeyValue, bodies: Bodies
) -> None:
    bodies.failing = [UnavailableError("taken", reason="ADDRESS_IN_USE")]
    with pytest.raises(UnavailableError, match="taken"):
        async with bodies.running(store):
            pytest.fail("it is not up")


async def test_a_body_that_fails_later_ends_the_block(store: KeyValue, bodies: Bodies) -> None:
    bodies.breaking.set()
    with pytest.raises(ExceptionGroup) as caught:
        await forever(bodies, store)
    assert caught.group_contains(ValueError, match="broken")
    await bodies.tell("serve opens", "serve closes")


async def test_a_body_that_cannot_open_after_a_change_ends_the_block(
    store: KeyValue, flag: MaintenanceFlag, bodies: Bodies
) -> None:
    running = asyncio.create_task(forever(bodies, store))
    await bodies.tell("serve opens")
    bodies.failing = [ValueError("cannot open")]
    await flag.enable()
    with pytest.raises(ExceptionGroup) as caught:
        await running
    assert caught.group_contains(ValueError, match="cannot open")


async def test_what_the_block_raises_comes_out_as_it_is(store: KeyValue, bodies: Bodies) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with bodies.running(store):
            raise ValueError("mine")
    await bodies.tell("serve opens", "serve closes")


async def test_a_body_whose_store_was_restored_is_opened_again(
    store: KeyValue, bodies: Bodies, caplog: pytest.LogCaptureFixture
) -> None:
    bodies.breaks_with = lost()  # in the group of a group, as loops raise it
    async with bodies.running(store):
        await bodies.tell("serve opens")
        bodies.breaking.set()
        await bodies.tell("serve closes", "serve opens")
    await bodies.tell("serve closes")
    assert "lost its state" in caplog.text
    assert "Traceback" not in caplog.text  # it was foreseen


async def test_so_is_one_that_notices_as_it_opens(store: KeyValue, bodies: Bodies) -> None:
    around = ValueError("while reading")
    around.__cause__ = lost()
    bodies.failing = [around, lost()]
    async with bodies.running(store):
        await bodies.tell("serve opens")


async def test_nobody_waits_for_a_restored_store_when_maintenance_is_asked_for(
    store: KeyValue, flag: MaintenanceFlag, bodies: Bodies
) -> None:
    async with bodies.running(store):
        await bodies.tell("serve opens")
        bodies.failing = [lost() for _ in range(2)]
        bodies.breaks_with = lost()
        bodies.breaking.set()
        await bodies.tell("serve closes")
        bodies.failing.clear()
        await flag.enable()
        await bodies.tell("maintain opens")


async def test_an_end_in_the_middle_of_a_change_is_clean(
    store: KeyValue, flag: MaintenanceFlag, bodies: Bodies
) -> None:
    async with bodies.running(store):
        await flag.enable()
        await bodies.tell("serve opens", "serve closes")
    assert not bodies.open
    assert (await flag.status()).instances == ()


async def test_a_cancelled_block_closes_its_body(store: KeyValue, bodies: Bodies) -> None:
    task = asyncio.create_task(forever(bodies, store))
    await bodies.tell("serve opens")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bodies.tell("serve closes")


class RestoredStore:
    """A store of which a backup is put back as soon as somebody watches it; then it stutters."""

    def __init__(self, store: KeyValue, flag: MaintenanceFlag) -> None:
        self._store = store
        self._flag = flag
        self._restored = False
        self._failing = False

    async def range(self, prefix: str) -> Page:
        if self._failing:
            self._failing = False
            raise UnavailableError("not yet", reason="KV_UNAVAILABLE")
        return await self._store.range(prefix)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def watch(
        self, prefix: str, *, after: Revision, previous: bool = False
    ) -> AsyncGenerator[Changes, None]:
        if not self._restored:
            self._restored = True
            await self._flag.enable()  # it was asked for in the backup
            self._failing = True
            raise OutOfRangeError("it is younger than that", reason="REVISION_REGRESSED")
        async for changes in self._store.watch(prefix, after=after, previous=previous):
            yield changes


async def test_a_flag_that_comes_with_a_restored_store_is_obeyed(
    store: KeyValue, flag: MaintenanceFlag, bodies: Bodies
) -> None:
    async with bodies.running(RestoredStore(store, flag)):  # type: ignore[arg-type]
        await bodies.tell("serve opens", "serve closes", "maintain opens")
        await flag.disable()
        await bodies.tell("maintain closes", "serve opens")
