"""What the two services ask their read databases costs no more when there is more history."""

import re
import sqlite3
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec import json

from agola.core.clock import SystemClock
from agola.datamanager.port import StoredObject, WalSequence
from agola.model.project_group import Owner, OwnerKind, ProjectGroup, ProjectGroupID
from agola.model.run import ArchivedRun, Phase, Result, Run
from agola.model.run_config import RunID
from agola.model.user import User, UserID, UserToken, UserTokenID
from agola.readdb import ReadDatabase, Tables
from agola.readdb.tables import set_progress
from agola.services.configstore.store import tables as configstore
from agola.services.configstore.store.store import DataManagerStore
from agola.services.runservice.store import run_table as runservice
from agola.services.runservice.store.run_table import RunTable
from agola.storage.sql.port import Database, Row, Transaction, Value
from agola.storage.sql.postgres import opening_postgres, schema_of
from agola.storage.sql.sqlite import opening_sqlite

pytest_plugins = ["tests.testbed.postgres"]

SMALL, LARGE = 3_000, 30_000
FEW = 600
PAGE = 51
NOW = SystemClock().now()
TOKENS = 3
"""Of each user."""


def runs(count: int) -> Iterator[StoredObject]:
    """Make runs of which some of the oldest were broken, or failed."""
    for number in range(count):
        broken, failed = number < FEW, FEW <= number < 2 * FEW
        result = Result.FAILED if failed else Result.SUCCESS
        run = Run(
            id=RunID(f"run-{number:010}"),
            name="run",
            group=f"/project/{number % 3}/branch/{'main' if number % 2 else number % 50}",
            counter=number,
            create_time=NOW,
            phase=Phase.SETUP_ERROR if broken else Phase.FINISHED,
            result=Result.UNKNOWN if broken else result,
            request_id=f"request-{number}" if number % 2 else "",
        )
        yield StoredObject("run", run.id, json.encode(ArchivedRun(run=run, tasks=())))


def configuration(count: int) -> dict[str, Iterator[StoredObject]]:
    """Make users, with tokens and a root group each."""
    numbers = range(count // 10)
    users = (
        User(id=UserID(f"id-{n:06}"), name=f"user-{n:06}", create_time=NOW, request_id=f"r-{n}")
        for n in numbers
    )
    tokens = (
        UserToken(
            id=UserTokenID(f"id-{n:06}-{m}"),
            user_id=UserID(f"id-{n:06}"),
            name=f"token-{m}",
            create_time=NOW,
            digest=f"digest-{n}-{m}",
            request_id=f"request-{n}-{m}" if m else "",
        )
        for n in numbers
        for m in range(TOKENS)
    )
    groups = (
        ProjectGroup(
            id=ProjectGroupID(f"id-{n:06}"), owner=Owner(kind=OwnerKind.USER, id=f"id-{n:06}")
        )
        for n in numbers
    )
    nouns: dict[str, Iterator[Any]] = {"user": users, "usertoken": tokens, "projectgroup": groups}

    def stored(data_type: str) -> Iterator[StoredObject]:
        return (StoredObject(data_type, one.id, json.encode(one)) for one in nouns[data_type])

    return {data_type: stored(data_type) for data_type in nouns}


@dataclass
class Listening:
    """A database that writes down what it is asked."""

    database: Database
    asked: list[tuple[str, Sequence[Value]]]

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Transaction, None]:
        async with self.database.read() as tx:
            yield Noting(tx, self.asked)  # type: ignore[misc]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)


class Noting:
    """A transaction of such a database."""

    def __init__(self, tx: Transaction, asked: list[tuple[str, Sequence[Value]]]) -> None:
        self._tx = tx
        self._asked = asked

    async def fetch(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        self._asked.append((sql, params))
        return await self._tx.fetch(sql, params)


Explain = Callable[[str, Sequence[Value]], Awaitable[int]]
"""Fails when a plan is bad, and says how much work it was."""


@dataclass
class Engine:
    """Opens databases of one kind, and looks into how they answer."""

    opening: Callable[[str, str], AbstractAsyncContextManager[Database]]
    explaining: Callable[[str, str], AbstractAsyncContextManager[Explain]]


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "sqlite":
        return Engine(
            lambda name, definition: opening_sqlite(tmp_path / name, definition),
            lambda name, _: sqlite_plans(tmp_path / name),
        )
    dsn = request.getfixturevalue("postgres_server")
    prefix = f"{uuid.uuid4()}"
    return Engine(
        lambda name, definition: opening_postgres(dsn, prefix + name, definition),
        lambda name, definition: postgres_plans(dsn, schema_of(prefix + name, definition)),
    )


@asynccontextmanager
async def sqlite_plans(path: Path) -> AsyncGenerator[Explain, None]:
    with closing(sqlite3.connect(path)) as connection:
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 1
            return 0

        async def explain(sql: str, params: Sequence[Value]) -> int:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params)]
            for line in plan:
                whole = re.match(r"SCAN (account|user_token|project_group|run|run_group)\b", line)
                assert not whole or ("INDEX" in line and "LIMIT" in sql), (sql, plan)
            before = steps
            connection.execute(sql, params).fetchall()
            return steps - before

        connection.set_progress_handler(step, 1)
        yield explain


@asynccontextmanager
async def postgres_plans(dsn: str, schema: str) -> AsyncGenerator[Explain, None]:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(f'SET search_path TO "{schema}"'.encode())

        async def explain(sql: str, params: Sequence[Value]) -> int:
            marked = f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}".replace("?", "%s")
            [[[report]]] = await (await connection.execute(marked.encode(), params)).fetchall()
            return sum(touched(node, sql) for node in nodes(report["Plan"]))

        yield explain


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def touched(node: dict[str, Any], sql: str) -> int:
    """Count the rows that a node gave and left out."""
    whole = node["Node Type"] == "Seq Scan" and node["Relation Name"] != "progress"
    assert not whole or node["Actual Rows"] <= SMALL, (sql, node)  # a small table is read whole
    left_out = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + left_out) * node["Actual Loops"])


async def filled(
    database: Database, tables: Tables, objects: dict[str, Iterator[StoredObject]]
) -> None:
    async def scan(stored: Iterator[StoredObject]) -> AsyncGenerator[StoredObject, None]:
        for one in stored:
            yield one

    async with database.fresh() as tx:
        for each in objects.values():
            await tables.load(tx, scan(each))
        await set_progress(tx, WalSequence("1"))


class NoDataManager:
    """Nobody follows it here."""


def copy_of(database: Listening, tables: Tables) -> ReadDatabase:
    return ReadDatabase(database, NoDataManager(), tables)  # type: ignore[arg-type]


class Watched:
    """Something whose methods are noted when they are called."""

    def __init__(self, watched: object) -> None:
        self._watched = watched
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.called.add(name)
        return getattr(self._watched, name)

    def uncalled(self) -> set[str]:
        return {name for name in vars(type(self._watched)) if name[0] != "_"} - self.called


async def ask_about_runs(copy: ReadDatabase, count: int) -> set[str]:
    """Ask every question there is.  Gives the names of those that were forgotten."""
    table, middle = Watched(RunTable(copy)), f"run-{count // 2:010}"
    assert await table.newest_run_id() == f"run-{count - 1:010}"
    assert await table.numbered("/project/1", 1) == "run-0000000001"
    assert await table.requested("request-1") == "run-0000000001"
    broken, failed = [Phase.SETUP_ERROR], [Result.FAILED]
    every: list[tuple[list[Phase], list[Result]]] = [([], []), (broken, []), ([], failed)]
    every.append(([Phase.FINISHED, Phase.CANCELLED], [Result.FAILED, Result.STOPPED]))
    groups = ("", "/project/1", "/project/1/branch/main", "/project/none")
    for (phases, results), group, after, ascending in product(
        every, groups, ("", middle), (False, True)
    ):
        found = await table.list(
            phases=phases,
            results=results,
            group=group,
            after=after,
            limit=PAGE,
            ascending=ascending,
        )
        assert len(found) == PAGE or group or phases or results
    return table.uncalled()


async def ask_about_configuration(copy: ReadDatabase, _: int) -> set[str]:
    store = Watched(DataManagerStore(NoDataManager(), copy))  # type: ignore[arg-type]
    user, token = UserID("id-000100"), UserTokenID("id-000100-1")
    assert await store.user(user)
    assert await store.user_named("user-000100")
    assert await store.user_requested("r-100")
    assert len(await store.users(after="", limit=PAGE, descending=False)) == PAGE
    assert len(await store.users(after="user-000100", limit=PAGE, descending=True)) == PAGE
    assert await store.token(token)
    assert await store.token_named(user, "token-1")
    assert await store.token_requested(user, "request-100-1")
    assert len(await store.tokens(user, after="token-0", limit=1)) == 1
    assert len(await store.tokens(user, after="", limit=0)) == TOKENS
    assert await store.identity("digest-100-1")
    assert await store.root_group(user)
    return store.uncalled() - {"deciding"}


@dataclass
class Questions:
    """What one service asks."""

    tables: Tables
    objects: Callable[[int], dict[str, Iterator[StoredObject]]]
    ask: Callable[[ReadDatabase, int], Awaitable[set[str]]]


RUNS = Questions(runservice.TABLES, lambda count: {"run": runs(count)}, ask_about_runs)
CONFIGURATION = Questions(configstore.TABLES, configuration, ask_about_configuration)


@pytest.mark.parametrize("about", [RUNS, CONFIGURATION], ids=["runs", "configuration"])
async def test_no_question_costs_more_when_there_is_ten_times_the_history(
    engine: Engine, about: Questions
) -> None:
    costs: list[list[tuple[str, int]]] = []
    for name, count in (("small", SMALL), ("large", LARGE)):
        async with engine.opening(name, about.tables.definition) as database:
            await filled(database, about.tables, about.objects(count))
            asked: list[tuple[str, Sequence[Value]]] = []
            assert not await about.ask(copy_of(Listening(database, asked), about.tables), count)
            async with engine.explaining(name, about.tables.definition) as explain:
                costs.append([(sql, await explain(sql, params)) for sql, params in asked])
    small, large = costs
    assert [sql for sql, _ in small] == [sql for sql, _ in large]
    pairs = [(sql, before, now) for (sql, before), (_, now) in zip(small, large, strict=True)]
    assert not [pair for pair in pairs if pair[2] > pair[1] * 1.2 + 50]
