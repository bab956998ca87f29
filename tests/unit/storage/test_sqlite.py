"""agola.storage.sql.sqlite: what only a file can do."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from agola.config.model import Config
from agola.core.errors import ConcurrencyError, InternalError, UnavailableError
from agola.storage.sql import opening
from agola.storage.sql.migrations import migrate
from agola.storage.sql.sqlite import CHECKPOINT_ROWS, SqliteDatabase, opening_sqlite

TABLES = ["CREATE TABLE run (id BIGINT PRIMARY KEY)"]


async def test_each_component_has_a_file_of_its_own(tmp_path: Path) -> None:
    async with opening(Config(data_dir=tmp_path), "runservice", TABLES):
        pass
    assert [file.name for file in (tmp_path / "runservice").iterdir()] == ["read.db"]


async def test_the_database_may_be_deleted(tmp_path: Path) -> None:
    for _ in range(2):
        async with opening_sqlite(tmp_path / "read.db", TABLES) as database, database.tx() as tx:
            await tx.execute("INSERT INTO run VALUES (1)")
        (tmp_path / "read.db").unlink()


async def test_the_log_of_changes_is_folded_into_the_file(tmp_path: Path) -> None:
    file = tmp_path / "read.db"
    with ThreadPoolExecutor(1) as pool:
        database = SqliteDatabase(file, pool)
        await database.open()
        await migrate(database, TABLES)
        size_before = file.stat().st_size
        async with database.tx() as tx:
            rows = [(number,) for number in range(CHECKPOINT_ROWS)]
            await tx.execute_many("INSERT INTO run VALUES (?)", rows)
        pool.submit(int).result()  # one thread: what was asked for before is done now
        assert file.stat().st_size > size_before
        await database.close()
    assert not (tmp_path / "read.db-wal").exists()


async def test_another_process_that_writes_is_a_conflict(tmp_path: Path) -> None:
    file = tmp_path / "read.db"
    async with opening_sqlite(file, TABLES) as database:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(ConcurrencyError) as caught:
                async with database.tx():
                    pass
        assert caught.value.reason == "SQL_CONFLICT"
        async with database.tx() as tx:
            await tx.execute("INSERT INTO run VALUES (1)")


async def test_a_file_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError) as caught:
        async with opening_sqlite(tmp_path / "file" / "read.db", TABLES):
            pass
    assert caught.value.reason == "SQL_UNAVAILABLE"


async def test_a_file_that_is_no_database_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "read.db").write_bytes(b"something else" * 100)
    with pytest.raises(InternalError, match="not a database") as caught:
        async with opening_sqlite(tmp_path / "read.db", TABLES):
            pass
    assert caught.value.reason == "SQL_FAILED"
