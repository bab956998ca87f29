"""What every key-value driver promises."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from agola.config.model import Config, EtcdKeyValue
from agola.core.errors import BadRequestError, NotExistError, OutOfRangeError
from agola.storage.kv import opening
from agola.storage.kv.port import (
    MAX_TXN_OPERATIONS,
    MAX_VALUE_BYTES,
    Change,
    Changes,
    Compare,
    Delete,
    Entry,
    KeyValue,
    LeaseID,
    Operation,
    Outcome,
    Put,
    Revision,
    lock_key,
)
from tests.testbed.etcd_process import EtcdServer
from tests.testbed.key_value_process import lines, process

pytest_plugins = ["tests.testbed.etcd"]

ABSENT = Revision(0)
TTL = timedelta(seconds=5)


@pytest.fixture(params=["embedded", "etcd"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """A configuration whose key-value store holds nothing yet."""
    if request.param == "embedded":
        return Config(data_dir=tmp_path)
    server: EtcdServer = request.getfixturevalue("etcd_server")
    return Config(key_value=EtcdKeyValue(endpoints=(server.endpoint,), prefix=f"{uuid4()}/"))


@pytest.fixture
async def store(config: Config) -> AsyncGenerator[KeyValue, None]:
    async with opening(config, "tests") as opened:
        yield opened


async def put(store: KeyValue, key: str, value: bytes = b"value") -> Revision:
    return (await store.txn([], [Put(key, value)])).revision


async def told(stream: AsyncGenerator[Changes, None]) -> Changes:
    """The next changes; signs of progress are left out."""
    async with asyncio.timeout(10):
        async for changes in stream:
            if changes.changes:
                return changes
    raise AssertionError("the watch ended")


async def keys(store: KeyValue, prefix: str) -> list[str]:
    return [entry.key for entry in (await store.range(prefix)).entries]


async def test_a_key_that_was_put_is_read_with_its_history(store: KeyValue) -> None:
    first = await put(store, "a", b"1")
    second = await put(store, "a", b"2")
    assert second > first
    assert await store.get("a") == Entry(
        key="a", value=b"2", create_revision=first, mod_revision=second, version=2
    )
    assert await store.get("b") is None


async def test_a_key_that_comes_back_starts_anew(store: KeyValue) -> None:
    await put(store, "a")
    await store.txn([], [Delete("a")])
    assert await store.get("a") is None
    again = await put(store, "a")
    entry = await store.get("a")
    assert entry is not None
    assert (entry.create_revision, entry.version) == (again, 1)


async def test_a_range_is_cut_into_pages_that_show_one_state(store: KeyValue) -> None:
    for name in ("p/a", "p/b", "p/c", "p0", "o"):
        await put(store, name)
    page = await store.range("p/", limit=2)
    assert [entry.key for entry in page.entries] == ["p/a", "p/b"]
    assert page.more
    await store.txn([], [Put("p/c", b"later"), Put("p/d", b"")])
    rest = await store.range("p/", after="p/b", limit=2, revision=page.revision)
    assert [(entry.key, entry.value) for entry in rest.entries] == [("p/c", b"value")]
    assert (rest.more, rest.revision) == (False, page.revision)


async def test_a_range_that_is_exactly_full_has_nothing_more(store: KeyValue) -> None:
    await store.txn([], [Put("p/a", b""), Put("p/b", b"")])
    assert not (await store.range("p/", limit=2)).more


async def test_keys_are_any_text_in_the_order_of_code_points(store: KeyValue) -> None:
    names = ["k", "k\x00", "k\x7f", "kß", "k￿", "k\U0001f600", "k\U0010ffff"]
    await store.txn([], [Put(name, b"") for name in reversed(names)])
    assert await keys(store, "k") == names
    assert await keys(store, "") == names
    assert await keys(store, "k\U0010ffff") == ["k\U0010ffff"]
    assert [e.key for e in (await store.range("k", after="k￿")).entries] == names[5:]


async def test_a_past_state_is_read_as_it_was(store: KeyValue) -> None:
    before = await put(store, "a", b"old")
    await store.txn([], [Delete("a"), Put("b", b"")])
    page = await store.range("", revision=before)
    assert [(entry.key, entry.value) for entry in page.entries] == [("a", b"old")]


async def test_a_future_state_is_refused(store: KeyValue) -> None:
    newest = (await store.range("")).revision
    with pytest.raises(OutOfRangeError) as caught:
        await store.range("", revision=Revision(newest + 1))
    assert caught.value.reason == "REVISION_REGRESSED"


async def test_a_transaction_takes_the_branch_that_its_compares_choose(store: KeyValue) -> None:
    created = await store.txn([Compare("a", ABSENT)], [Put("a", b"1")], [Put("lost", b"")])
    assert created.succeeded
    refused = await store.txn([Compare("a", ABSENT)], [Put("a", b"2")], [Put("b", b"3")])
    assert not refused.succeeded
    assert refused.revision == created.revision + 1
    changed = await store.txn(
        [Compare("a", created.revision), Compare("b", refused.revision)],
        [Put("a", b"4"), Delete("b")],
    )
    assert changed.succeeded
    assert [(e.key, e.value) for e in (await store.range("")).entries] == [("a", b"4")]


@pytest.mark.parametrize("operations", [[], [Delete("no such key")], [Delete("no/", prefix=True)]])
async def test_a_transaction_that_changes_nothing_leaves_the_revision(
    store: KeyValue, operations: list[Operation]
) -> None:
    revision = await put(store, "a")
    assert await store.txn([], operations) == Outcome(succeeded=True, revision=revision)
    assert await store.txn([Compare("a", ABSENT)], [Put("a", b"")]) == Outcome(
        succeeded=False, revision=revision
    )


async def test_a_prefix_is_deleted_at_once_and_nothing_else(store: KeyValue) -> None:
    await store.txn([], [Put(name, b"") for name in ("p", "p/a", "p/b", "p0", "q")])
    await store.txn([], [Delete("p/", prefix=True)])
    assert await keys(store, "") == ["p", "p0", "q"]


@pytest.mark.parametrize(
    ("operations", "reason"),
    [
        ([Put(str(i), b"") for i in range(MAX_TXN_OPERATIONS + 1)], "KV_TXN_TOO_LARGE"),
        ([Put("a", bytes(MAX_VALUE_BYTES)), Put("b", bytes(500_000))], "KV_TXN_TOO_LARGE"),
        ([Put("a", bytes(MAX_VALUE_BYTES + 1))], "KV_VALUE_TOO_LARGE"),
        ([Put("a", b""), Delete("a")], "KV_DUPLICATE_KEY"),
        ([Put("a/b", b""), Delete("a/", prefix=True)], "KV_DUPLICATE_KEY"),
    ],
)
async def test_a_transaction_that_no_driver_can_do_is_refused(
    store: KeyValue, operations: list[Operation], reason: str
) -> None:
    for branches in ((operations, ()), ((), operations)):
        with pytest.raises(BadRequestError) as caught:
            await store.txn([], *branches)
        assert caught.value.reason == reason
    assert await keys(store, "") == []


async def test_the_largest_transactions_are_taken(store: KeyValue) -> None:
    await store.txn([], [Put("a", bytes(MAX_VALUE_BYTES)), Put("b", bytes(390_000))])
    many = [Put(f"many/{i}", b"") for i in range(MAX_TXN_OPERATIONS)]
    assert (await store.txn([Compare(p.key, ABSENT) for p in many], many)).succeeded


async def test_transactions_of_many_callers_are_done_one_after_the_other(store: KeyValue) -> None:
    async def count() -> None:
        while True:
            entry = await store.get("counter")
            seen = entry.mod_revision if entry else ABSENT
            value = str(int(entry.value) + 1 if entry else 1).encode()
            if (await store.txn([Compare("counter", seen)], [Put("counter", value)])).succeeded:
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(count())
    entry = await store.get("counter")
    assert entry is not None
    assert (entry.value, entry.version) == (b"20", 20)


async def test_a_watch_tells_what_happened_and_what_happens(store: KeyValue) -> None:
    start = await put(store, "w/a", b"0")
    first = await put(store, "w/a", b"1")
    await put(store, "x", b"elsewhere")
    async with aclosing(store.watch("w/", after=start)) as stream:
        old = await told(stream)
        assert old.revision == first
        assert [(c.key, c.entry and c.entry.value) for c in old.changes] == [("w/a", b"1")]
        waiting = asyncio.ensure_future(told(stream))
        gone = await store.txn([], [Delete("w/a")])
        assert await waiting == Changes(gone.revision, (Change("w/a", None),))


async def test_a_watch_never_splits_a_transaction(store: KeyValue) -> None:
    start = await put(store, "w/old")
    operations = [Put(f"w/{i:03}", bytes(8_000)) for i in range(MAX_TXN_OPERATIONS - 1)]
    done = await store.txn([], [*operations, Delete("w/old")])
    last = await put(store, "w/last")
    async with aclosing(store.watch("w/", after=start)) as stream:
        changes = await told(stream)
        assert changes.revision == done.revision
        assert sorted(c.key for c in changes.changes) == sorted(
            [*(o.key for o in operations), "w/old"]
        )
        assert (await told(stream)).revision == last


async def test_a_watch_tells_what_was_there_before_if_it_is_asked(store: KeyValue) -> None:
    start = await put(store, "a", b"1")
    await put(store, "a", b"2")
    await store.txn([], [Delete("a")])
    await put(store, "a", b"3")
    async with aclosing(store.watch("a", after=start, previous=True)) as stream:
        changes = [(await told(stream)).changes[0] for _ in range(3)]
    assert [
        (change.previous and change.previous.value, change.entry and change.entry.value)
        for change in changes
    ] == [(b"1", b"2"), (b"2", None), (None, b"3")]


async def test_a_watch_tells_a_long_history_in_order(store: KeyValue) -> None:
    start = (await store.range("")).revision
    revisions = [await put(store, f"{i}") for i in range(600)]
    async with aclosing(store.watch("", after=start)) as stream:
        assert [(await told(stream)).revision for _ in revisions] == revisions


async def test_a_watch_goes_on_where_another_stopped(store: KeyValue) -> None:
    seen = await put(store, "a")
    for _ in range(5):
        expected = await put(store, "a")
        async with aclosing(store.watch("", after=seen)) as stream:
            seen = (await told(stream)).revision
        assert seen == expected


async def test_many_watches_are_told_the_same(store: KeyValue) -> None:
    start = (await store.range("")).revision
    streams = [store.watch("w/", after=start) for _ in range(50)]
    waiting = [asyncio.ensure_future(told(stream)) for stream in streams]
    await put(store, "w/a")
    assert len(set(await asyncio.gather(*waiting))) == 1
    for stream in streams:
        await stream.aclose()


async def test_history_that_was_compacted_is_refused(store: KeyValue) -> None:
    first = await put(store, "a", b"1")
    await put(store, "a", b"2")
    last = await put(store, "a", b"3")
    await store.compact(last)
    await store.compact(last)
    with pytest.raises(OutOfRangeError) as ranged:
        await store.range("", revision=first)
    assert ranged.value.reason == "REVISION_COMPACTED"
    async with aclosing(store.watch("", after=first)) as stream:
        with pytest.raises(OutOfRangeError) as watched:
            await told(stream)
    assert watched.value.reason == "REVISION_COMPACTED"


async def test_what_was_not_compacted_stays(store: KeyValue) -> None:
    await store.txn([], [Put("a", b"1"), Put("b", b"1")])
    kept = await put(store, "a", b"2")
    await store.compact(kept)
    later = await store.txn([], [Delete("a")])
    then = await store.range("", revision=kept)
    assert [(e.key, e.value) for e in then.entries] == [("a", b"2"), ("b", b"1")]
    async with aclosing(store.watch("", after=kept)) as stream:
        assert await told(stream) == Changes(later.revision, (Change("a", None),))


async def test_a_watch_from_a_future_revision_is_refused(store: KeyValue) -> None:
    newest = (await store.range("")).revision
    async with aclosing(store.watch("", after=Revision(newest + 5))) as stream:
        with pytest.raises(OutOfRangeError) as caught:
            await told(stream)
    assert caught.value.reason == "REVISION_REGRESSED"


async def test_the_keys_of_a_lease_go_with_its_block_at_once(store: KeyValue) -> None:
    async with store.lease(TTL) as lease:
        put_them = await store.txn([], [Put("l/a", b"", lease.id), Put("l/b", b"", lease.id)])
        entry = await store.get("l/a")
        assert entry is not None
        assert entry.lease == lease.id
    async with aclosing(store.watch("l/", after=put_them.revision)) as stream:
        changes = (await told(stream)).changes
        assert set(changes) == {Change("l/a", None), Change("l/b", None)}
    assert await keys(store, "l/") == []


async def test_a_key_that_is_put_without_its_lease_outlives_it(store: KeyValue) -> None:
    async with store.lease(TTL) as lease:
        await store.txn([], [Put("l/a", b"", lease.id)])
        await put(store, "l/a")
    assert await keys(store, "l/") == ["l/a"]


async def test_a_lease_lives_as_long_as_its_block(store: KeyValue) -> None:
    async with store.lease(timedelta(seconds=1)) as lease:
        start = (await store.txn([], [Put("l/a", b"", lease.id)])).revision
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await lease.lost()
        async with store.lease(TTL) as other:
            await store.txn([], [Put("l/b", b"", other.id)])
        async with aclosing(store.watch("l/", after=start)) as stream:
            assert [c.key for c in (await told(stream)).changes] == ["l/b"]
        assert await keys(store, "l/") == ["l/a"]


async def test_a_lease_that_does_not_exist_is_refused(store: KeyValue) -> None:
    with pytest.raises(NotExistError) as caught:
        await store.txn([], [Put("fine", b""), Put("a", b"", LeaseID(123456789))])
    assert caught.value.reason == "LEASE_DOES_NOT_EXIST"
    assert await keys(store, "") == []


async def test_a_lock_is_handed_over_and_never_shared(store: KeyValue) -> None:
    order: list[str] = []
    free, taken = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with store.lock("l", ttl=TTL):
            order.append("first in")
            taken.set()
            await free.wait()
            order.append("first out")

    async def second() -> None:
        async with store.lock("l", ttl=TTL):
            order.append("second in")

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(first())
        await taken.wait()
        for _ in range(3):
            group.create_task(second())
        async with store.lock("another", ttl=TTL):
            free.set()
    assert order == ["first in", "first out", *["second in"] * 3]


async def test_a_lock_is_held_in_transactions_until_it_is_gone(store: KeyValue) -> None:
    async with store.lock("l", ttl=TTL) as lock:
        assert (await store.txn([lock.held], [Put("a", b"mine")])).succeeded
        assert await store.get(lock_key("l")) is not None
    assert not (await store.txn([lock.held], [Put("a", b"late")])).succeeded


async def test_whoever_stops_waiting_for_a_lock_leaves_nothing_behind(store: KeyValue) -> None:
    async with store.lock("l", ttl=TTL):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), store.lock("l", ttl=TTL):
                pass
    async with asyncio.timeout(5), store.lock("l", ttl=TTL):
        pass


async def test_stores_of_different_components_share_nothing(
    store: KeyValue, config: Config
) -> None:
    async with opening(config, "other") as other:
        await put(other, "a", b"theirs")
        await put(store, "b", b"ours")
        assert await keys(store, "") == ["b"]
        assert await keys(other, "") == ["a"]
        await store.txn([], [Delete("", prefix=True)])
        assert await keys(other, "") == ["a"]


async def test_what_was_written_is_there_when_it_is_opened_again(
    config: Config,
) -> None:
    async with opening(config, "tests") as store:
        revision = await put(store, "a", b"1")
    async with opening(config, "tests") as store:
        assert (await store.range("")).revision >= revision
        async with aclosing(store.watch("", after=Revision(revision - 1))) as stream:
            assert (await told(stream)).revision == revision


async def test_a_lease_expires_when_its_process_dies(config: Config) -> None:
    async with process(config, "lease") as child:
        (revision,) = await lines(child, 1)
    async with opening(config, "tests") as store:
        async with aclosing(store.watch("", after=Revision(int(revision)))) as stream:
            assert (await told(stream)).changes == (Change("leased", None),)
        assert await store.get("leased") is None


async def test_a_lock_is_free_when_its_process_has_died(config: Config) -> None:
    async with process(config, "lock") as child:
        await lines(child, 1)
    async with (
        opening(config, "tests") as store,
        asyncio.timeout(10),
        store.lock("l", ttl=TTL) as lock,
    ):
        assert (await store.txn([lock.held], [Put("a", b"")])).succeeded


async def test_what_was_said_to_be_written_survives_the_process(config: Config) -> None:
    async with process(config, "write") as child:
        written = await lines(child, 200)
    async with opening(config, "tests") as store:
        found = await keys(store, "")
        assert set(written) <= set(found)
        halves = {key.removesuffix("/too") for key in found}
        assert len(found) == 2 * len(halves), "a transaction was done by half"
