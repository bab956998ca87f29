"""What is special about the embedded driver."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from agola.core.errors import (
    InternalError,
    OutOfRangeError,
    PreconditionError,
    UnavailableError,
)
from agola.storage.kv.embedded import opening
from agola.storage.kv.embedded.file import translated
from agola.storage.kv.embedded.ledger import KEPT_REVISIONS, SLACK_REVISIONS
from agola.storage.kv.embedded.watchers import PROGRESS_REVISIONS
from agola.storage.kv.port import Changes, KeyValue, Put, Revision


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "component" / "kv.db"


@pytest.fixture
async def store(path: Path) -> AsyncGenerator[KeyValue, None]:
    async with opening(path) as opened:
        yield opened


async def put(store: KeyValue, key: str) -> Revision:
    return (await store.txn([], [Put(key, b"")])).revision


async def put_many(store: KeyValue, key: str, count: int) -> None:
    """Write a key so often, together: one caller after the other would wait for as many fsyncs."""
    await asyncio.gather(*(put(store, key) for _ in range(count)))


def backup(path: Path) -> bytes:
    return path.read_bytes()


def restore(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


async def test_a_file_that_is_open_is_refused(path: Path, store: KeyValue) -> None:
    with pytest.raises(PreconditionError) as caught:
        async with opening(path):
            pass
    assert caught.value.reason == "KV_IN_USE"
    assert caught.value.metadata == {"path": str(path)}
    await put(store, "still usable")


async def test_a_file_of_a_later_format_is_left_alone(path: Path) -> None:
    async with opening(path):
        pass
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(PreconditionError) as caught:
        async with opening(path):
            pass
    assert caught.value.reason == "KV_FORMAT_UNKNOWN"


async def test_a_file_that_is_no_store_is_an_error_of_ours(path: Path) -> None:
    restore(path, b"something else entirely, and long enough to be looked at" * 100)
    with pytest.raises(InternalError) as caught:
        async with opening(path):
            pass
    assert caught.value.reason == "KV_FAILED"


def test_a_full_disk_is_something_to_wait_out(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "small.db")) as db:
        db.execute("PRAGMA max_page_count = 2")
        db.execute("CREATE TABLE small (content BLOB)")
        with pytest.raises(UnavailableError, match="the disk is full"), translated():
            db.execute("INSERT INTO small VALUES (zeroblob(100000))")


@pytest.mark.parametrize("error", [LookupError, sqlite3.OperationalError])
async def test_errors_of_the_block_come_out_as_they_are(path: Path, error: type[Exception]) -> None:
    with pytest.raises(error):
        async with opening(path):
            raise error


async def test_a_closed_store_is_unavailable_and_ends_its_watches(path: Path) -> None:
    async with opening(path) as store:
        start = await put(store, "a")
        stream = store.watch("b", after=start)
        waiting = asyncio.ensure_future(anext(stream))
        await put(store, "c")
    for late in (waiting, put(store, "d")):
        with pytest.raises(UnavailableError) as caught:
            await late
        assert caught.value.reason == "KV_UNAVAILABLE"


async def test_what_was_asked_for_before_closing_is_done(path: Path) -> None:
    async with opening(path) as store:
        asked = [asyncio.ensure_future(put(store, f"{i}")) for i in range(50)]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*asked)
    async with opening(path) as store:
        assert len((await store.range("")).entries) == 50


async def test_whoever_stops_waiting_does_not_stop_the_others(store: KeyValue) -> None:
    asked = [asyncio.ensure_future(put(store, f"{i}")) for i in range(10)]
    await asyncio.sleep(0)  # let them ask
    asked[3].cancel()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [i for i, r in enumerate(results) if isinstance(r, asyncio.CancelledError)] == [3]
    assert len((await store.range("")).entries) == 10


async def test_old_history_is_forgotten_by_itself(path: Path, store: KeyValue) -> None:
    first = await put(store, "a")
    await put(store, "quiet")
    await put_many(store, "a", KEPT_REVISIONS + SLACK_REVISIONS + 1)
    with pytest.raises(OutOfRangeError) as caught:
        await store.range("", revision=first)
    assert caught.value.reason == "REVISION_COMPACTED"
    newest = (await store.range("")).revision
    await store.range("", revision=Revision(newest - KEPT_REVISIONS))
    assert await store.get("quiet") is not None
    with sqlite3.connect(path) as db:
        (kept,) = db.execute("SELECT count(*) FROM version").fetchone()
    db.close()
    assert kept <= KEPT_REVISIONS + SLACK_REVISIONS + 2


async def test_a_quiet_watch_does_not_fall_out_of_the_history(store: KeyValue) -> None:
    start = await put(store, "quiet")
    async with aclosing(store.watch("quiet", after=start)) as stream:
        waiting = asyncio.ensure_future(told(stream))
        await asyncio.sleep(0)  # let it wait
        await put_many(store, "loud", KEPT_REVISIONS + 2 * SLACK_REVISIONS)
        last = await put(store, "quiet")
        progress, changes = await waiting
    assert changes.revision == last
    assert 1 <= len(progress) <= KEPT_REVISIONS // PROGRESS_REVISIONS + 1
    assert start < progress[0].revision < last


async def told(stream: AsyncGenerator[Changes, None]) -> tuple[list[Changes], Changes]:
    """The next changes, and the signs of progress before them."""
    progress: list[Changes] = []
    async for changes in stream:
        if changes.changes:
            return progress, changes
        progress.append(changes)
    raise AssertionError("the watch ended")


async def test_a_store_that_was_replaced_by_a_backup_is_noticed(path: Path) -> None:
    async with opening(path) as store:
        await put(store, "a")
    saved = backup(path)
    async with opening(path) as store:
        seen = await put(store, "a")
    restore(path, saved)
    async with opening(path) as store:
        with pytest.raises(OutOfRangeError) as caught:
            await anext(store.watch("", after=seen))
    assert caught.value.reason == "REVISION_REGRESSED"


async def test_commits_are_durable_not_only_consistent(store: KeyValue) -> None:
    await put(store, "a")
    connection = store._commits._db  # type: ignore[attr-defined]
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
