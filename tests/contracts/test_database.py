"""What both drivers of agola.storage.sql.port promise."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import pytest

from agola.core.errors import ConcurrencyError, InternalError, UnavailableError
from agola.storage.sql import transact
from agola.storage.sql.port import LOST, Database, Transaction
from agola.storage.sql.postgres import opening_postgres
from agola.storage.sql.retry import TRIES
from agola.storage.sql.sqlite import opening_sqlite

pytest_plugins = ["tests.testbed.postgres"]

TABLES = """
    CREATE TABLE IF NOT EXISTS run (
        id TEXT PRIMARY KEY,  -- sorted; by code point
        number BIGINT NOT NULL DEFAULT 0,
        share DOUBLE PRECISION,
        stopped BOOLEAN NOT NULL DEFAULT FALSE,
        note TEXT DEFAULT 'a; TEXT?',
        spec BYTEA
    );
    CREATE INDEX IF NOT EXISTS run_number ON run (number);
"""
OTHER_TABLES = "CREATE TABLE IF NOT EXISTS other (id TEXT)"
Open = Callable[[str], AbstractAsyncContextManager[Database]]


@pytest.fixture(params=["sqlite", "postgres"])
def open_database(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Open the same database each time."""
    if request.param == "sqlite":
        return lambda definition: opening_sqlite(tmp_path / "agola" / "read.db", definition)
    dsn = request.getfixturevalue("postgres_server")
    component = f"component-{uuid.uuid4()}"
    return lambda definition: opening_postgres(dsn, component, definition, pool_size=4)


@pytest.fixture
async def database(open_database: Open) -> AsyncGenerator[Database, None]:
    async with open_database(TABLES) as opened:
        async with opened.fresh():
            pass
        yield opened


async def insert(database: Database, *ids: str) -> None:
    async with database.tx() as tx:
        await tx.execute_many("INSERT INTO run (id) VALUES (?)", [(run_id,) for run_id in ids])


async def ids(database: Database) -> list[str]:
    async with database.read() as tx:
        return [run_id for (run_id,) in await tx.fetch("SELECT id FROM run ORDER BY id")]


async def test_what_is_committed_can_be_read(database: Database) -> None:
    row = ("a", 2**60, 0.5, True, "ä'\"%s?", b"\0\xff")
    async with database.tx() as tx:
        await tx.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)", row)
    async with database.read() as tx:
        assert await tx.fetch("SELECT * FROM run WHERE id = ?", ("a",)) == [row]


async def test_null_is_none(database: Database) -> None:
    async with database.tx() as tx:
        await tx.execute("INSERT INTO run (id, note) VALUES (?, ?)", ("a", None))
        assert await tx.fetch("SELECT note, spec FROM run") == [(None, None)]


async def test_marks_in_text_are_not_parameters(database: Database) -> None:
    async with database.read() as tx:
        rows = await tx.fetch("SELECT 'a?', '100%', '%s', 'it''s ?', 7 % ? -- what?", (4,))
    assert rows == [("a?", "100%", "%s", "it's ?", 3)]


async def test_defaults_and_comments_of_definitions_stay_as_they_are(database: Database) -> None:
    await insert(database, "a")
    async with database.read() as tx:
        assert await tx.fetch("SELECT note FROM run") == [("a; TEXT?",)]


async def test_text_sorts_by_code_point(database: Database) -> None:
    names = ["Z", "_", "a", "a b", "a-b", "a/b", "ab", "ä"]
    await insert(database, *reversed(names))
    assert await ids(database) == names
    async with database.read() as tx:
        rows = await tx.fetch("SELECT id FROM run WHERE id > ? ORDER BY id LIMIT ?", ("a b", 2))
    assert rows == [("a-b",), ("a/b",)]


async def test_a_write_says_how_many_rows_it_touched(database: Database) -> None:
    await insert(database, "a", "b", "c")
    async with database.tx() as tx:
        assert await tx.execute("UPDATE run SET number = 1 WHERE id > ?", ("a",)) == 2
        assert await tx.execute("DELETE FROM run WHERE id = ?", ("x",)) == 0
        assert await tx.execute("CREATE TABLE other (id TEXT)") == 0


async def test_upserts_and_returning_work(database: Database) -> None:
    upsert = (
        "INSERT INTO run (id, number) VALUES (?, ?) "
        "ON CONFLICT (id) DO UPDATE SET number = run.number + excluded.number RETURNING number"
    )
    async with database.tx() as tx:
        assert await tx.fetch(upsert, ("a", 1)) == [(1,)]
        assert await tx.fetch(upsert, ("a", 2)) == [(3,)]


async def test_a_block_that_raises_changes_nothing(database: Database) -> None:
    async def work() -> None:
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")
            raise LookupError

    with pytest.raises(LookupError):
        await work()
    assert await ids(database) == []


async def test_a_cancelled_block_changes_nothing_and_disturbs_nobody(database: Database) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await insert(database, "b")
    assert await ids(database) == ["b"]


async def test_a_failed_statement_says_why(database: Database) -> None:
    with pytest.raises(InternalError, match="nothing") as caught:
        async with database.read() as tx:
            await tx.fetch("SELECT nothing FROM run")
    assert caught.value.reason == "SQL_FAILED"


async def test_what_failed_is_never_committed(database: Database) -> None:
    async def work() -> None:
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('b')")
            for run_id in ("a", "c"):
                with suppress(InternalError):
                    await tx.execute("INSERT INTO run (id) VALUES (?)", (run_id,))

    await insert(database, "a")
    with pytest.raises(InternalError) as caught:
        await work()
    assert caught.value.reason == "SQL_FAILED"
    assert await ids(database) == ["a"]


async def test_a_transaction_ends_with_its_block(database: Database) -> None:
    async with database.tx() as tx:
        pass
    with pytest.raises(InternalError, match="over"):
        await tx.execute("INSERT INTO run (id) VALUES ('a')")
    assert await ids(database) == []


async def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(InternalError) as caught:
        async with database.read() as tx:
            await tx.execute("INSERT INTO run (id) VALUES ('a')")
    assert caught.value.reason == "SQL_FAILED"
    assert await ids(database) == []


async def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    await insert(database, "a")
    async with database.read() as tx:
        assert await tx.fetch("SELECT COUNT(*) FROM run") == [(1,)]
        await insert(database, "b")
        assert await tx.fetch("SELECT COUNT(*) FROM run") == [(1,)]
        assert await ids(database) == ["a", "b"]


async def test_a_writer_sees_its_own_changes_before_others_do(database: Database) -> None:
    async with database.tx() as tx:
        await tx.execute("INSERT INTO run (id) VALUES ('a')")
        assert await tx.fetch("SELECT id FROM run") == [("a",)]
        assert await ids(database) == []
    assert await ids(database) == ["a"]


async def test_many_can_read_and_write_at_once(database: Database) -> None:
    await asyncio.gather(
        *[transact(database, lambda tx, n=n: add(tx, n)) for n in range(20)],  # type: ignore[misc]
        *[ids(database) for _ in range(20)],
    )
    assert len(await ids(database)) == 20


async def add(tx: Transaction, number: int) -> None:
    await tx.execute("INSERT INTO run (id) VALUES (?)", (str(number),))


async def test_transactions_behave_as_if_one_came_after_the_other(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        [(number,)] = await tx.fetch("SELECT number FROM run WHERE id = 'a'")
        await asyncio.sleep(0)
        await tx.execute("UPDATE run SET number = ? WHERE id = 'a'", (number + 1,))

    await insert(database, "a")
    await asyncio.gather(*[transact(database, work) for _ in range(4)])
    async with database.read() as tx:
        assert await tx.fetch("SELECT number FROM run") == [(4,)]


async def test_a_conflict_is_tried_again_but_not_forever(database: Database) -> None:
    tries = 0

    async def work(_: Transaction) -> None:
        nonlocal tries
        tries += 1
        raise ConcurrencyError("lost", reason="SQL_CONFLICT")

    with pytest.raises(ConcurrencyError):
        await transact(database, work)
    assert tries == TRIES


async def test_other_errors_are_not_tried_again(database: Database) -> None:
    tries = 0

    async def work(_: Transaction) -> None:
        nonlocal tries
        tries += 1
        raise ConcurrencyError("the group changed", reason="CHANGE_GROUP_CHANGED")

    with pytest.raises(ConcurrencyError):
        await transact(database, work)
    assert tries == 1


async def test_rows_are_loaded(database: Database) -> None:
    rows = [("a", 1, "ä\t\\\n\"'%s?"), ("b", 2, None)]
    async with database.tx() as tx:
        await tx.load("run", ("id", "number", "note"), rows)
        await tx.load("run", ("id",), [])
    async with database.read() as tx:
        assert await tx.fetch("SELECT id, number, note FROM run ORDER BY id") == rows


async def test_text_with_nul_harms_nobody(database: Database) -> None:
    async with database.tx() as tx:
        await tx.execute_many("INSERT INTO run (id) VALUES (?)", [("a\0b",), ("a",)])
        await tx.load("run", ("id", "number"), [("\0", 1)])
        await tx.execute("UPDATE run SET number = 2 WHERE id = ?", ("a\0b",))
    async with database.read() as tx:
        for run_id, number in (("a\0b", 2), ("a", 0), ("\0", 1)):
            sql = "SELECT number FROM run WHERE id = ?"
            assert await tx.fetch(sql, (run_id,)) == [(number,)]


async def test_what_cannot_be_loaded_fails(database: Database) -> None:
    with pytest.raises(InternalError) as caught:
        async with database.tx() as tx:
            await tx.load("run", ("id",), [("a",), ("a",)])
    assert caught.value.reason == "SQL_FAILED"
    assert await ids(database) == []


async def test_there_are_no_tables_before_they_were_filled(open_database: Open) -> None:
    async with open_database(TABLES) as database:
        for begin in (database.read, database.tx):
            with pytest.raises(UnavailableError) as caught:
                async with begin() as tx:
                    await tx.fetch("SELECT * FROM run")
            assert caught.value.reason == LOST


async def test_what_was_filled_is_there_the_next_time(open_database: Open) -> None:
    async with open_database(TABLES) as database, database.fresh() as tx:
        await tx.execute("INSERT INTO run (id) VALUES ('a')")
    async with open_database(TABLES) as database:
        assert await ids(database) == ["a"]
        await insert(database, "b")
        assert await ids(database) == ["a", "b"]


async def test_another_definition_is_another_database(open_database: Open) -> None:
    async with open_database(TABLES) as database, database.fresh():
        pass
    async with open_database(OTHER_TABLES) as database:
        with pytest.raises(UnavailableError) as caught:
            async with database.read() as tx:
                await tx.fetch("SELECT * FROM other")
        assert caught.value.reason == LOST
        async with database.fresh() as tx:
            await tx.execute("INSERT INTO other VALUES ('a')")
        async with database.read() as tx:
            assert await tx.fetch("SELECT * FROM other") == [("a",)]


async def test_readers_see_the_old_rows_until_the_new_ones_are_complete(database: Database) -> None:
    await insert(database, "old")
    async with database.read() as reader:
        assert await reader.fetch("SELECT id FROM run") == [("old",)]
        async with database.fresh() as tx:
            await tx.execute("DELETE FROM run")
            await tx.load("run", ("id",), [("new",)])
            assert await ids(database) == ["old"]
        assert await ids(database) == ["new"]
        assert await reader.fetch("SELECT id FROM run") == [("old",)]
    await insert(database, "newer")
    assert await ids(database) == ["new", "newer"]


async def test_a_filling_that_fails_or_is_cancelled_changes_nothing(database: Database) -> None:
    begun = asyncio.Event()

    async def fill(failure: Exception | None) -> None:
        async with database.fresh() as tx:
            await tx.execute("DELETE FROM run")
            await tx.load("run", ("id",), [("new",)])
            begun.set()
            if failure:
                raise failure
            await asyncio.Event().wait()

    await insert(database, "old")
    with pytest.raises(LookupError):
        await fill(LookupError())
    begun.clear()
    task = asyncio.create_task(fill(None))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await insert(database, "other")
    assert await ids(database) == ["old", "other"]


async def test_those_who_write_wait_for_those_who_fill(database: Database) -> None:
    async with asyncio.TaskGroup() as group, database.fresh() as tx:
        group.create_task(insert(database, "b"))
        group.create_task(insert(database, "c"))
        await tx.execute("INSERT INTO run (id) VALUES ('a')")
        assert await ids(database) == []
    assert await ids(database) == ["a", "b", "c"]


async def test_those_who_fill_at_once_come_one_after_the_other(database: Database) -> None:
    async def fill(number: int) -> None:
        async with database.fresh() as tx:
            await tx.execute("DELETE FROM run")
            await tx.execute("INSERT INTO run (id) VALUES (?)", (str(number),))

    await asyncio.gather(*[fill(number) for number in range(3)])
    assert len(await ids(database)) == 1
