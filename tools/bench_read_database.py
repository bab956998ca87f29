"""Measure the read database of runs on both engines, and print the figures as JSON.

    .venv/bin/python -m tools.bench_read_database [SECTION...]

Sections are `rebuild` and `pages`.  PostgreSQL is one of its own, on this machine; it does not wait
for the disk.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from agola import datamanager, readdb
from agola.config.model import Config, DatabaseDriver, PostgresDatabase, SqliteDatabase
from agola.core.background import background
from agola.datamanager.port import Action, DataManager, StoredObject
from agola.model.run import ArchivedRun, Phase, Result, Run, Task, TaskStatus
from agola.model.run_config import RunID, TaskID
from agola.readdb import ReadDatabase
from agola.readdb.tables import set_progress
from agola.services.runservice.store.run_table import RUN, TABLES, RunTable
from agola.storage import kv, objects, sql
from agola.storage.sql.port import Database
from tests.testbed.postgres_process import serving_postgres

COMPONENT = "runservice"
REBUILT_RUNS = 100_000
LISTED_RUNS = 1_000_000
BATCH = 1_000
QUESTIONS = 400
PAGE = 51
PROJECTS = 50
PAUSE_SECONDS = 0.001

Figures = dict[str, Any]


def runs(count: int) -> Iterator[ArchivedRun]:
    """Make runs as they come: most succeed, one in 5,000 could not be set up."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    projects = [str(uuid4()) for _ in range(PROJECTS)]
    for number in range(count):
        begun = start + timedelta(seconds=number)
        broken = number % 5_000 == 0
        result = Result.FAILED if number % 7 == 0 else Result.SUCCESS
        run = Run(
            id=RunID(f"01jc{number:022}"),
            name="build and test",
            group=f"/project/{projects[number % PROJECTS]}/branch/feature-{number % 1009}",
            counter=number // PROJECTS + 1,
            create_time=begun,
            annotations={"ref": f"refs/heads/feature-{number % 1009}", "commit": f"{number:040x}"},
            phase=Phase.SETUP_ERROR if broken else Phase.FINISHED,
            result=Result.UNKNOWN if broken else result,
            start_time=begun,
            end_time=begun + timedelta(minutes=5),
            request_id=str(uuid4()),
            task_count=1,
        )
        task = Task(id=TaskID(f"task-{number}"), name="build", status=TaskStatus.SUCCESS)
        yield ArchivedRun(run=run, tasks=(task,))


def stored(count: int) -> Iterator[StoredObject]:
    for one in runs(count):
        yield StoredObject(RUN, one.run.id, msgspec.json.encode(one))


class Stalls:
    """Notices how long others kept the event loop."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(PAUSE_SECONDS)
            self.longest = max(self.longest, time.perf_counter() - before - PAUSE_SECONDS)


@asynccontextmanager
async def truth(config: Config) -> AsyncGenerator[DataManager, None]:
    """Commit many runs to a datamanager."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        keys = await enter(kv.opening(config, COMPONENT))
        files = await enter(objects.opening(config, COMPONENT))
        data = await enter(datamanager.opening(keys, files, "data"))
        objects_ = stored(REBUILT_RUNS)
        while batch := [*islice(objects_, BATCH)]:
            await data.commit([Action(one.data_type, one.id, one.data) for one in batch])
        await data.checkpoint()
        yield data


async def measure_rebuild(drivers: dict[str, DatabaseDriver], folder: Path) -> Figures:
    figures: Figures = {"runs": REBUILT_RUNS}
    async with truth(Config(data_dir=folder / "rebuild")) as data:
        for name, driver in drivers.items():
            config = Config(data_dir=folder / "rebuild", database=driver)
            async with sql.opening(config, COMPONENT, TABLES.definition) as database:
                figures[name] = await rebuilt(database, data)
    return figures


async def rebuilt(database: Database, data: DataManager) -> Figures:
    """Build once, then once more while there is something in the place."""
    figures: Figures = {}
    for name in ("first", "again"):
        stalls = Stalls()
        async with background(stalls.watch):
            await asyncio.sleep(0.1)
            stalls.longest = 0.0
            begun = time.perf_counter()
            async with readdb.following(database, data, TABLES):
                seconds = time.perf_counter() - begun
        async with database.tx() as tx:
            await tx.execute("DELETE FROM progress")
        figures[f"{name}_seconds"] = round(seconds, 2)
        figures[f"{name}_longest_stall_ms"] = round(stalls.longest * 1000, 1)
    return figures


async def measure_pages(drivers: dict[str, DatabaseDriver], folder: Path) -> Figures:
    figures: Figures = {"runs": LISTED_RUNS}
    for name, driver in drivers.items():
        config = Config(data_dir=folder / "pages", database=driver)
        async with sql.opening(config, f"{COMPONENT}pages", TABLES.definition) as database:
            figures[name] = {"load_seconds": await loaded(database)}
            copy = ReadDatabase(database, None, TABLES)  # type: ignore[arg-type] # nobody follows
            figures[name] |= await pages(RunTable(copy))
    return figures


async def loaded(database: Database) -> float:
    async def scan() -> AsyncGenerator[StoredObject, None]:
        for one in stored(LISTED_RUNS):
            yield one

    begun = time.perf_counter()
    async with database.fresh() as tx:
        await TABLES.load(tx, scan())
        await set_progress(tx, (await anext(scan())).id)  # type: ignore[arg-type]
    return round(time.perf_counter() - begun, 1)


async def pages(table: RunTable) -> Figures:
    [newest] = await asked(table)
    branch, project = newest.group, "/".join(newest.group.split("/")[:3])
    middle = f"01jc{LISTED_RUNS // 2:022}"
    broken, failed = (Phase.SETUP_ERROR,), (Result.FAILED,)
    questions: dict[str, dict[str, Any]] = {
        "first": {},
        "deep": {"after": middle},
        "project": {"group": project},
        "project_deep": {"group": project, "after": middle},
        "branch": {"group": branch},
        "rare_phase": {"phases": broken},
        "rare_phase_of_project": {"phases": broken, "group": project},
        "failed_deep": {"results": failed, "after": middle},
        "ascending": {"ascending": True},
    }
    return {
        name: await timed(lambda question=question: asked(table, limit=PAGE, **question))  # type: ignore[misc]
        for name, question in questions.items()
    }


async def asked(table: RunTable, **question: Any) -> list[Run]:
    every = {"phases": (), "results": (), "group": "", "after": "", "limit": 1, "ascending": False}
    return list(await table.list(**(every | question)))  # type: ignore[arg-type]


async def timed(ask: Callable[[], Awaitable[list[Run]]]) -> Figures:
    took: list[float] = []
    found: list[Run] = []
    for _ in range(QUESTIONS):
        begun = time.perf_counter()
        found = await ask()
        took.append((time.perf_counter() - begun) * 1000)
    cuts = statistics.quantiles(took, n=100)
    return {"rows": len(found), "p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2)}


SECTIONS = {"rebuild": measure_rebuild, "pages": measure_pages}


async def main(names: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="agola-bench-") as folder, serving_postgres() as server:
        drivers: dict[str, DatabaseDriver] = {
            "sqlite": SqliteDatabase(),
            "postgres": PostgresDatabase(dsn=server.dsn),
        }
        for name in names or SECTIONS:
            print(json.dumps({name: await SECTIONS[name](drivers, Path(folder))}, indent=2))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
