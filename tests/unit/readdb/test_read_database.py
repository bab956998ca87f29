"""agola.readdb: tables that follow a datamanager through everything."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agola import datamanager, readdb
from agola.config.model import Config
from agola.core.errors import UnavailableError
from agola.datamanager.limits import Limits
from agola.datamanager.port import Action, DataManager
from agola.readdb import Kind, ReadDatabase, Tables
from agola.readdb.tables import Rows
from agola.storage import kv, objects, sql
from agola.storage.sql.port import Database, Transaction

COMPONENT = "things"


def rows(data: bytes) -> Rows:
    name, _, tags = data.decode().partition(":")
    return {
        "thing": [(name, data.decode())],
        "tag": [(name, tag) for tag in tags.split(",") if tag],
    }


TABLES = Tables(
    """
    CREATE TABLE IF NOT EXISTS thing (id TEXT PRIMARY KEY, data TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS tag (id TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (id, name));
    """,
    [Kind("thing", {"thing": ("id", "data"), "tag": ("id", "name")}, rows)],
)


def put(name: str, *tags: str) -> Action:
    return Action("thing", name, f"{name}:{','.join(tags)}".encode())


def deleted(name: str) -> Action:
    return Action("thing", name, None)


class FalteringDatabase:
    """A database that refuses the next `failures` transactions that write."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.failures = 0
        self.fillings = 0

    @asynccontextmanager
    async def tx(self) -> AsyncGenerator[Transaction, None]:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("not now", reason="SQL_UNAVAILABLE")
        async with self._database.tx() as tx:
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Transaction, None]:
        async with self._database.read() as tx:
            yield tx

    @asynccontextmanager
    async def fresh(self) -> AsyncGenerator[Transaction, None]:
        async with self._database.fresh() as tx:
            yield tx
        self.fillings += 1


@dataclass
class House:
    """An installation in a directory."""

    config: Config
    fillings: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def open(
        self, tables: Tables = TABLES
    ) -> AsyncGenerator[tuple[DataManager, ReadDatabase, FalteringDatabase], None]:
        async with AsyncExitStack() as stack, asyncio.timeout(20):
            enter = stack.enter_async_context
            keys = await enter(kv.opening(self.config, COMPONENT))
            files = await enter(objects.opening(self.config, COMPONENT))
            data = await enter(datamanager.opening(keys, files, "d"))
            database = await enter(sql.opening(self.config, COMPONENT, tables.definition))
            faltering = FalteringDatabase(database)
            copy = await enter(readdb.following(faltering, data, tables))
            self.fillings.append(faltering.fillings)
            yield data, copy, faltering

    async def go_on_without(self, *batches: Action) -> None:
        """Commit, checkpoint and clean up while nobody follows."""
        limits = Limits(keep_wals=1)
        async with (
            kv.opening(self.config, COMPONENT) as keys,
            objects.opening(self.config, COMPONENT) as files,
            datamanager.opening(keys, files, "d", limits=limits) as data,
        ):
            for action in batches:
                await data.commit([action])
                await data.checkpoint()

    def lose(self, name: str) -> None:
        for file in (self.config.data_dir / COMPONENT).glob(f"{name}*"):
            file.unlink()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(Config(data_dir=tmp_path))


async def things(copy: ReadDatabase) -> list[str]:
    async with copy.read() as tx:
        return [data for (data,) in await tx.fetch("SELECT data FROM thing ORDER BY id")]


async def tags(copy: ReadDatabase) -> list[tuple[str, str]]:
    async with copy.read() as tx:
        rows = await tx.fetch("SELECT * FROM tag ORDER BY id, name")
    return [(each, name) for each, name in rows]


async def things_again(copy: ReadDatabase) -> list[str]:
    """Ask until there is an answer, and require that it was never a wrong one."""
    while True:
        try:
            return await things(copy)
        except UnavailableError as error:
            if error.reason != "READ_DATABASE_BEHIND":
                raise
        await asyncio.sleep(0)


async def test_what_was_committed_shows_as_soon_as_it_is_reached(house: House) -> None:
    async with house.open() as (data, copy, _):
        assert await things(copy) == []
        await copy.reached(await data.commit([put("a", "x", "y"), put("b", "x")]))
        assert await things(copy) == ["a:x,y", "b:x"]
        await copy.reached(await data.commit([put("a", "z"), deleted("b"), deleted("nothing")]))
        assert await things(copy) == ["a:z"]
        assert await tags(copy) == [("a", "z")]


async def test_of_what_happened_to_an_object_in_one_batch_the_last_counts(house: House) -> None:
    async with house.open() as (data, copy, _):
        batch = [put("a", "x"), deleted("a"), put("b"), put("b", "y"), put("c"), deleted("c")]
        await copy.reached(await data.commit(batch))
        assert await things(copy) == ["b:y"]


async def test_types_without_tables_are_passed_over(house: House) -> None:
    async with house.open() as (data, copy, _):
        await copy.reached(await data.commit([Action("other", "a", b"a"), put("a")]))
        assert await things(copy) == ["a:"]


async def test_a_restart_goes_on_where_it_was(house: House) -> None:
    async with house.open() as (data, copy, _):
        await copy.reached(await data.commit([put("a")]))
    async with house.open() as (_, copy, _):
        assert await things(copy) == ["a:"]
    assert house.fillings == [1, 0]


@pytest.mark.parametrize(
    "lose",
    [
        lambda house: house.lose("read.db"),
        lambda house: house.lose("kv.db"),
        lambda house: (house.lose("read.db"), house.lose("kv.db")),
    ],
    ids=["the tables", "the key-value store", "both"],
)
async def test_what_was_lost_is_built_again_at_the_next_start(
    house: House, lose: Callable[[House], object]
) -> None:
    async with house.open() as (data, copy, _):
        await copy.reached(await data.commit([put("a", "x"), put("b")]))
        await data.commit([deleted("b")])
    lose(house)
    async with house.open() as (data, copy, _):
        assert await things(copy) == ["a:x"]
        assert await tags(copy) == [("a", "x")]
        await copy.reached(await data.commit([put("c")]))
        assert await things(copy) == ["a:x", "c:"]
    assert house.fillings == [1, 1]


async def test_who_has_fallen_behind_the_log_begins_again(house: House) -> None:
    async with house.open() as (data, copy, _):
        await copy.reached(await data.commit([put("gone"), put("a")]))
    await house.go_on_without(deleted("gone"), *[put("a", f"{n}") for n in range(5)], put("b"))
    async with house.open() as (_, copy, _):
        assert await things(copy) == ["a:4", "b:"]
    assert house.fillings == [1, 1]


async def test_tables_that_are_lost_while_they_are_used_are_built_again(house: House) -> None:
    async with house.open() as (data, copy, _):
        await copy.reached(await data.commit([put("a")]))
        house.lose("read.db")
        assert await things_again(copy) == ["a:"]
        house.lose("read.db")
        await copy.reached(await data.commit([put("b")]))
        assert await things_again(copy) == ["a:", "b:"]


async def test_other_tables_are_filled_from_the_beginning(house: House) -> None:
    later = Tables(
        "CREATE TABLE IF NOT EXISTS thing (id TEXT PRIMARY KEY, data TEXT NOT NULL, size BIGINT)",
        [
            Kind(
                "thing",
                {"thing": ("id", "data", "size")},
                lambda data: {"thing": [(data.decode(), data.decode(), len(data))]},
            )
        ],
    )
    async with house.open() as (data, copy, _):
        await copy.reached(await data.commit([put("a")]))
    async with house.open(later) as (_, copy, _), copy.read() as tx:
        assert await tx.fetch("SELECT data, size FROM thing") == [("a:", 2)]
    async with house.open() as (_, copy, _):
        assert await things(copy) == ["a:"]


@pytest.mark.parametrize(
    "position", ["{}", "9999999999999-0000000000001", "0000000000001-0000000000001"]
)
async def test_tables_of_another_history_are_not_believed(house: House, position: str) -> None:
    async with house.open() as (data, copy, database):
        await copy.reached(await data.commit([put("a")]))
        foreign = position.format(f"{(await data.position())[:-3]}999")
        async with database.tx() as tx:
            await tx.execute("INSERT INTO thing VALUES ('foreign', 'foreign')")
            await tx.execute("UPDATE progress SET wal_sequence = ?", (foreign,))
    async with house.open() as (_, copy, _):
        assert await things(copy) == ["a:"]


async def test_tables_that_go_back_while_they_are_used_catch_up(house: House) -> None:
    async with house.open() as (data, copy, database):
        first = await data.commit([put("a")])
        await copy.reached(first)
        await copy.reached(await data.commit([put("b")]))
        async with database.tx() as tx:  # somebody restored a backup
            await tx.execute("DELETE FROM thing WHERE id = 'b'")
            await tx.execute("UPDATE progress SET wal_sequence = ?", (first,))
        assert await things_again(copy) == ["a:", "b:"]


async def test_tables_that_come_from_elsewhere_while_they_are_used_are_built_again(
    house: House,
) -> None:
    async with house.open() as (data, copy, database):
        await copy.reached(await data.commit([put("a")]))
        async with database.tx() as tx:
            await tx.execute("INSERT INTO thing VALUES ('foreign', 'foreign')")
            await tx.execute("UPDATE progress SET wal_sequence = '9999999999999-0000000000001'")
        await data.commit([put("b")])
        while await things_again(copy) != ["a:", "b:"]:  # noqa: ASYNC110 (nothing tells)
            await asyncio.sleep(0)


async def test_the_tables_catch_up_when_their_database_is_back(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async with house.open() as (data, copy, database):
        await copy.reached(await data.commit([put("a")]))
        database.failures = 1
        with caplog.at_level(logging.WARNING):
            await copy.reached(await data.commit([put("b")]))
        assert "falls behind" in caplog.text
        assert await things(copy) == ["a:", "b:"]


async def test_who_waits_too_long_is_told_so(house: House) -> None:
    async with house.open() as (data, _, database):
        copy = ReadDatabase(database, data, TABLES, patience=0.01)  # which nobody keeps true
        with pytest.raises(UnavailableError) as caught:
            await copy.reached(await data.position())
        assert caught.value.reason == "READ_DATABASE_BEHIND"
