"""agola.storage.sql.sqlite: what only a file can do."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from agola.config.model import Config
from agola.core.errors import ConcurrencyError, UnavailableError
from agola.storage.sql import opening
from agola.storage.sql.port import LOST, Database
from agola.storage.sql.sqlite import CHECKPOINT_ROWS, SqliteDatabase, opening_sqlite

TABLES = "CREATE TABLE IF NOT EXISTS run (id BIGINT PRIMARY KEY)"


@asynccontextmanager
async def filled(path: Path) -> AsyncGenerator[Database, None]:
    async with opening_sqlite(path, TABLES) as database:
        await fill(database)
        yield database


async def fill(database: Database) -> None:
    async with database.fresh() as tx:
        await tx.execute("INSERT INTO run VALUES (1)")


async def rows(database: Database) -> list[int]:
    async with database.read() as tx:
        return [number for (number,) in await tx.fetch("SELECT id FROM run ORDER BY id")]


async def lost(database: Database) -> bool:
    try:
        await rows(database)
    except UnavailableError as error:
        return error.reason == LOST
    return False


async def test_each_component_has_a_file_of_its_own(tmp_path: Path) -> None:
    async with opening(Config(data_dir=tmp_path), "runservice", TABLES) as database:
        await fill(database)
    assert [file.name for file in (tmp_path / "runservice").iterdir()] == ["read.db"]


async def test_the_database_may_be_deleted_between_two_runs(tmp_path: Path) -> None:
    for _ in range(2):
        async with opening_sqlite(tmp_path / "read.db", TABLES) as database:
            assert await lost(database)
            await fill(database)
            assert await rows(database) == [1]
        (tmp_path / "read.db").unlink()


@pytest.mark.parametrize("names", [["read.db"], ["read.db", "read.db-wal", "read.db-shm"]])
async def test_a_database_deleted_while_it_is_used_is_lost_at_once(
    tmp_path: Path, names: list[str]
) -> None:
    async with filled(tmp_path / "read.db") as database:
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run VALUES (2)")
        async with database.read() as reader:
            assert len(await reader.fetch("SELECT * FROM run")) == 2
            for name in names:
                (tmp_path / name).unlink()
            assert await lost(database)
            with pytest.raises(UnavailableError):
                async with database.tx():
                    pass
            assert len(await reader.fetch("SELECT * FROM run")) == 2
            await fill(database)
            assert await rows(database) == [1]
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run VALUES (3)")
        assert await rows(database) == [1, 3]
    async with opening_sqlite(tmp_path / "read.db", TABLES) as database:
        assert await rows(database) == [1, 3]


async def test_its_folder_may_be_deleted_too(tmp_path: Path) -> None:
    async with filled(tmp_path / "folder" / "read.db") as database:
        shutil.rmtree(tmp_path / "folder")
        assert await lost(database)
        await fill(database)
        assert await rows(database) == [1]


async def test_a_write_that_was_under_way_when_the_file_went_harms_nobody(tmp_path: Path) -> None:
    async with filled(tmp_path / "read.db") as database:
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run VALUES (2)")
            (tmp_path / "read.db").unlink()
            assert await lost(database)
            await tx.execute("INSERT INTO run VALUES (3)")
        assert await lost(database)
        await fill(database)
        assert await rows(database) == [1]


async def test_a_database_put_in_the_place_of_another_one_is_not_trusted(tmp_path: Path) -> None:
    async with filled(tmp_path / "other.db"):
        pass
    async with filled(tmp_path / "read.db") as database:
        (tmp_path / "other.db").rename(tmp_path / "read.db")
        assert await lost(database)


async def test_who_leaves_during_a_filling_leaves_the_old_rows(tmp_path: Path) -> None:
    async with filled(tmp_path / "read.db"):
        pass
    (tmp_path / "read.db-new").write_bytes(b"half")
    async with opening_sqlite(tmp_path / "read.db", TABLES) as database:
        assert await rows(database) == [1]
        await fill(database)
        assert await rows(database) == [1]
    assert os.listdir(tmp_path) == ["read.db"]  # noqa: PTH208 (no blocking pathlib in async code)


async def test_a_filling_leaves_the_event_loop_alone(tmp_path: Path) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with filled(tmp_path / "read.db") as database, database.fresh() as tx:
        other = asyncio.create_task(turn())
        count = (
            "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
            " INSERT INTO run SELECT i FROM n"
        )
        await tx.execute(count)
        other.cancel()
    assert turns > 100


async def test_the_log_of_changes_is_folded_into_the_file(tmp_path: Path) -> None:
    file = tmp_path / "read.db"
    with ThreadPoolExecutor(1) as pool:
        database = SqliteDatabase(file, TABLES, pool)
        await database.open()
        await fill(database)
        size_before = file.stat().st_size
        async with database.tx() as tx:
            rows = [(number,) for number in range(2, CHECKPOINT_ROWS + 2)]
            await tx.execute_many("INSERT INTO run VALUES (?)", rows)
        pool.submit(int).result()  # one thread: what was asked for before is done now
        assert file.stat().st_size > size_before
        await database.close()
    assert not (tmp_path / "read.db-wal").exists()


async def test_another_process_that_writes_is_a_conflict(tmp_path: Path) -> None:
    file = tmp_path / "read.db"
    async with filled(file) as database:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(ConcurrencyError) as caught:
                async with database.tx():
                    pass
        assert caught.value.reason == "SQL_CONFLICT"
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run VALUES (2)")


async def test_a_file_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError) as caught:
        async with opening_sqlite(tmp_path / "file" / "read.db", TABLES):
            pass
    assert caught.value.reason == "SQL_UNAVAILABLE"


async def test_a_file_that_is_no_database_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "read.db").write_bytes(b"something else" * 100)
    async with opening_sqlite(tmp_path / "read.db", TABLES) as database:
        assert await lost(database)
        await fill(database)
        assert await rows(database) == [1]


async def test_damage_that_shows_while_it_is_used_is_a_loss(tmp_path: Path) -> None:
    path = tmp_path / "read.db"
    async with filled(path):
        pass
    pages = bytearray(path.read_bytes())
    pages[4096:] = b"\xff" * (len(pages) - 4096)  # all but the page that names the tables
    path.write_bytes(pages)
    async with opening_sqlite(path, TABLES) as database:
        assert await lost(database)
        await fill(database)
        assert await rows(database) == [1]
