"""What both drivers of agola.storage.sql.port promise."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import pytest

from agola.core.errors import ConcurrencyError, InternalError, PreconditionError
from agola.storage.sql import transact
from agola.storage.sql.port import Database, Transaction
from agola.storage.sql.postgres import opening_postgres
from agola.storage.sql.retry import TRIES
from agola.storage.sql.sqlite import opening_sqlite

pytest_plugins = ["tests.testbed.postgres"]

TABLES = [
    """
    CREATE TABLE run (
        id TEXT PRIMARY KEY,  -- sorted; by code point
        number BIGINT NOT NULL DEFAULT 0,
        share DOUBLE PRECISION,
        stopped BOOLEAN NOT NULL DEFAULT FALSE,
        note TEXT DEFAULT 'a; TEXT?',
        spec BYTEA
    );
    CREATE INDEX run_number ON run (number);
    """
]
Open = Callable[[Sequence[str]], AbstractAsyncContextManager[Database]]


@pytest.fixture(params=["sqlite", "postgres"])
def open_database(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Open the same database each time, with other migrations."""
    if request.param == "sqlite":
        return lambda migrations: opening_sqlite(tmp_path / "agola" / "read.db", migrations)
    dsn = request.getfixturevalue("postgres_server")
    schema = f"schema-{uuid.uuid4()}"
    return lambda migrations: opening_postgres(dsn, schema, migrations, pool_size=4)


@pytest.fixture
async def database(open_database: Open) -> AsyncGenerator[Database, None]:
    async with open_database(TABLES) as opened:
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


async def test_defaults_and_comments_of_migrations_stay_as_they_are(database: Database) -> None:
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
    with pytest.raises(InternalError, match="nowhere") as caught:
        async with database.read() as tx:
            await tx.fetch("SELECT * FROM nowhere")
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


async def test_migrations_run_once_and_in_order(open_database: Open) -> None:
    more = [*TABLES, "ALTER TABLE run ADD COLUMN phase TEXT; UPDATE run SET phase = 'queued'"]
    async with open_database(TABLES) as database:
        await insert(database, "a")
    for _ in range(2):
        async with open_database(more) as database, database.read() as tx:
            assert await tx.fetch("SELECT id, phase FROM run") == [("a", "queued")]


async def test_migrations_happen_all_or_not_at_all(open_database: Open) -> None:
    with pytest.raises(InternalError):
        async with open_database([*TABLES, "CREATE TABLE other (id TEXT); DROP TABLE nowhere"]):
            pass
    async with open_database([*TABLES, "CREATE TABLE other (id TEXT)"]) as database:
        await insert(database, "a")


async def test_a_database_of_a_newer_program_is_refused(open_database: Open) -> None:
    async with open_database([*TABLES, "CREATE TABLE other (id TEXT)"]):
        pass
    with pytest.raises(PreconditionError, match="version 2") as caught:
        async with open_database(TABLES):
            pass
    assert caught.value.reason == "DATABASE_TOO_NEW"


async def test_those_who_start_at_once_migrate_once(open_database: Open) -> None:
    async def start() -> list[str]:
        async with open_database([*TABLES, "INSERT INTO run (id) VALUES ('a')"]) as database:
            return await ids(database)

    assert await asyncio.gather(*[start() for _ in range(6)]) == [["a"]] * 6
