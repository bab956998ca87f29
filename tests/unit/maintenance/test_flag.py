"""agola.maintenance.flag and presence: the keys that all instances share."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agola.config.model import Config
from agola.core.background import background
from agola.core.clock import SystemClock
from agola.core.errors import UnavailableError
from agola.maintenance.flag import INSTANCES, MaintenanceFlag
from agola.maintenance.presence import Presence
from agola.model.user import Identity, User, UserID, UserToken, UserTokenID
from agola.storage import kv
from agola.storage.kv.port import KeyValue, Lease, Revision

START = Revision(0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[KeyValue, None]:
    async with kv.opening(Config(data_dir=tmp_path), "tests") as opened:
        yield opened


@pytest.fixture
def flag(store: KeyValue) -> MaintenanceFlag:
    return MaintenanceFlag(store, SystemClock())


def identity(name: str, *, digest: str = "d") -> Identity:
    user = User(id=UserID("u"), name="admin", admin=True)
    expire = datetime(2030, 1, 1, tzinfo=UTC)
    token = UserToken(
        id=UserTokenID(name), user_id=user.id, name=name, digest=digest, expire_time=expire
    )
    return Identity(user, token)


async def test_everybody_who_asks_is_a_keeper_however_many_ask_at_once(
    flag: MaintenanceFlag,
) -> None:
    await asyncio.gather(*(flag.enable(identity(f"t{n}")) for n in range(8)), flag.enable())
    request = await flag.request()
    assert request is not None
    assert {each.token.id for each in request.keepers} == {f"t{n}" for n in range(8)}
    assert identity("t3") in request.keepers


async def test_a_keeper_who_asks_again_is_known_as_now(flag: MaintenanceFlag) -> None:
    await flag.enable(identity("t"))
    await flag.enable(identity("t", digest="new"))
    request = await flag.request()
    assert request is not None
    assert [each.token.digest for each in request.keepers] == ["new"]


async def test_the_end_forgets_the_keepers_but_not_the_instances(
    store: KeyValue, flag: MaintenanceFlag
) -> None:
    presence = Presence(store, SystemClock(), "i")
    presence.say(maintenance=True)
    async with background(presence.keep):
        await flag.enable(identity("t"))
        await listed(store, "i")
        await flag.disable()
        assert await flag.request() is None
        status = await flag.status()
        assert (status.requested, [each.id for each in status.instances]) == (False, ["i"])


async def listed(store: KeyValue, instance_id: str, after: Revision = START) -> Revision:
    """Wait until an instance writes its key, behind a revision."""
    async with asyncio.timeout(20):
        async for changes in store.watch(INSTANCES + instance_id, after=after):
            if any(change.entry is not None for change in changes.changes):
                return changes.revision
    raise AssertionError("the watch has ended")


class FrailStore:
    """A store that cannot give a lease at first, and whose leases are lost when a test says so."""

    def __init__(self, store: KeyValue) -> None:
        self._store = store
        self.failures = 1
        self.losing = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    @asynccontextmanager
    async def lease(self, ttl: timedelta) -> AsyncGenerator[Lease, None]:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("away", reason="KV_UNAVAILABLE")
        async with self._store.lease(ttl) as lease:
            yield FrailLease(lease, self.losing)


class FrailLease:
    def __init__(self, lease: Lease, losing: asyncio.Event) -> None:
        self.id = lease.id
        self._losing = losing

    async def lost(self) -> None:
        await self._losing.wait()
        self._losing.clear()


async def test_an_instance_tells_of_itself_again_when_its_lease_is_lost(store: KeyValue) -> None:
    frail = FrailStore(store)
    presence = Presence(frail, SystemClock(), "i")  # type: ignore[arg-type]
    presence.say(maintenance=False)
    async with background(presence.keep):
        revision = await listed(store, "i")
        first = await store.get(INSTANCES + "i")
        frail.losing.set()
        await listed(store, "i", revision)
        second = await store.get(INSTANCES + "i")
        assert first is not None
        assert second is not None
        assert (first.value, first.lease != second.lease) == (second.value, True)
    assert await store.get(INSTANCES + "i") is None
