"""Lists of runs, live and ended, on both engines of the read database."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from agola import datamanager, readdb
from agola.config.model import Config, DatabaseDriver, PostgresDatabase, SqliteDatabase
from agola.core.background import background
from agola.core.clock import SystemClock
from agola.model.run import ArchivedRun, Phase, Result, Run
from agola.model.run_config import RunID
from agola.model.run_query import RunFilter
from agola.readdb import ReadDatabase
from agola.services.runservice.actions.advancing import AdvanceActions
from agola.services.runservice.actions.listing import RunListing
from agola.services.runservice.ports.live import Change, request_key, run_key
from agola.services.runservice.store.archive import StoredRuns
from agola.services.runservice.store.live import KeyValueLiveState, live_state
from agola.services.runservice.store.run_table import TABLES
from agola.storage import kv, objects, sql

pytest_plugins = ["tests.testbed.postgres"]

COMPONENT = "runservice"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALIKE = (
    *("/project/p/branch/a_b", "/project/p/branch/axb", "/project/p/branch/a%b"),
    *("/project/p/branch/Dev", "/project/p/branch/dev"),
    *("/project/p/branch/feature", "/project/p/branch/feature02", "/project/p/branch/feature%2F1"),
    *("/project/p/branch/a%2Fb", "/project/p/branch/aX2Fb", "/project/p/branch/a%2fb"),
    *("/project/p/branch/ä", "/project/p/branch/a\u0308", "/project/p/branch/a"),
    *("/project/P/branch/dev", "/user/p/branch/dev", "/project/p/tag/dev"),
)
"""Groups of which none may be taken for another one."""


def a_run(
    number: int, group: str, phase: Phase = Phase.FINISHED, result: Result = Result.UNKNOWN
) -> Run:
    return Run(
        id=RunID(f"run-{number:03}"),
        name="run",
        group=group,
        counter=number,
        create_time=NOW,
        phase=phase,
        result=result,
        request_id=f"request-{number}",
    )


@dataclass
class Instance:
    """A runservice as far as it finds runs; and one whose tables nobody keeps true."""

    live: KeyValueLiveState
    archive: StoredRuns
    late: ReadDatabase
    late_archive: StoredRuns

    async def keep(self, *runs: Run) -> None:
        """Let runs be live, then archive those that have ended."""
        await self.live.change(lambda: Change(put={run_key(run.id): run for run in runs}))
        advance = AdvanceActions(self.live, NotImplemented, self.archive, clock=SystemClock())
        for run in runs:
            await advance.archive(run.id)

    async def find(
        self, *, after: str = "", limit: int = 100, ascending: bool = True, **filter_: object
    ) -> list[Run]:
        listing = RunListing(self.live, self.archive)
        asked = RunFilter(**filter_)  # type: ignore[arg-type]
        return list(await listing.find(asked, after=after, limit=limit, ascending=ascending))


@pytest.fixture(params=["sqlite", "postgres"])
async def driver(request: pytest.FixtureRequest) -> DatabaseDriver:
    if request.param == "sqlite":
        return SqliteDatabase()
    server: str = request.getfixturevalue("postgres_server")
    name = f"agola-{uuid4()}"
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return PostgresDatabase(dsn=server.replace("dbname=postgres", f"dbname={name}"))


@pytest.fixture
async def instance(tmp_path: Path, driver: DatabaseDriver) -> AsyncGenerator[Instance, None]:
    config = Config(data_dir=tmp_path, database=driver)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        keys = await enter(kv.opening(config, COMPONENT))
        files = await enter(objects.opening(config, COMPONENT))
        data = await enter(datamanager.opening(keys, files, "data"))
        live = await enter(live_state(keys, SystemClock()))
        kept = await enter(sql.opening(config, COMPONENT, TABLES.definition))
        copy = await enter(readdb.following(kept, data, TABLES))
        late = ReadDatabase(
            await enter(sql.opening(config, "late", TABLES.definition)), data, TABLES
        )
        position = lambda: live.archived  # noqa: E731
        yield Instance(
            live, StoredRuns(data, copy, position), late, StoredRuns(data, late, position)
        )


def groups(runs: Sequence[Run]) -> list[str]:
    return [run.group for run in runs]


async def test_groups_that_only_look_alike_never_see_each_other(instance: Instance) -> None:
    await instance.keep(*[a_run(number, group) for number, group in enumerate(ALIKE)])
    assert not [*instance.live.runs()]
    for number, group in enumerate(ALIKE):
        assert groups(await instance.find(group=group)) == [group]
        assert groups(await instance.find(group=group, phases=(Phase.FINISHED,))) == [group]
        root = "/".join(group.split("/")[:3])
        assert await instance.archive.numbered(root, number) == f"run-{number:03}"
        other_root = "/project/P" if root == "/project/p" else "/project/p"
        assert await instance.archive.numbered(other_root, number) is None
    inside = [group for group in ALIKE if group.startswith("/project/p/")]
    assert groups(await instance.find(group="/project/p")) == inside
    assert await instance.find(group="/project/%") == []


async def test_runs_that_were_never_started_are_found_by_their_phase_after_archiving(
    instance: Instance,
) -> None:
    broken = a_run(1, "/user/u", Phase.SETUP_ERROR)
    cancelled = a_run(2, "/user/u", Phase.CANCELLED)
    failed = a_run(3, "/user/u", Phase.FINISHED, Result.FAILED)
    await instance.keep(broken, cancelled, failed)
    assert not [*instance.live.runs()]
    for run in (broken, cancelled, failed):
        for group in ("", "/user/u"):
            assert await instance.find(phases=(run.phase,), group=group) == [run]
    both = (Phase.SETUP_ERROR, Phase.CANCELLED)
    assert await instance.find(phases=both) == [broken, cancelled]
    assert await instance.find(results=(Result.FAILED,)) == [failed]
    assert await instance.find(phases=both, results=(Result.FAILED,)) == []
    assert await instance.find(phases=(Phase.QUEUED, Phase.RUNNING)) == []


async def test_pages_of_live_and_ended_runs_leave_out_nothing_and_repeat_nothing(
    instance: Instance,
) -> None:
    phases = (Phase.RUNNING, Phase.FINISHED, Phase.CANCELLED)
    every = [a_run(number, "/user/u", phases[number % 3]) for number in range(20)]
    await instance.keep(*every)
    for ascending in (True, False):
        wanted = every if ascending else every[::-1]
        for limit in (1, 3, 20, 21):
            found: list[Run] = []
            while page := await instance.find(
                after=found[-1].id if found else "", limit=limit, ascending=ascending
            ):
                assert len(page) <= limit
                found += page
            assert found == wanted


async def test_who_no_longer_sees_a_run_alive_waits_until_it_is_found_among_the_ended(
    instance: Instance,
) -> None:
    run = a_run(1, "/user/u")
    await instance.keep(run)
    assert not [*instance.live.runs()]
    listing = RunListing(instance.live, instance.late_archive)
    asked = [
        listing.find(RunFilter(), after="", limit=10, ascending=True),
        instance.late_archive.numbered("/user/u", 1),
        instance.late_archive.requested("request-1"),
    ]
    waiting = [asyncio.ensure_future(each) for each in asked]
    done, _ = await asyncio.wait(waiting, timeout=0.05)
    assert not done
    async with background(instance.late.run):
        assert await asyncio.gather(*waiting) == [[run], run.id, run.id]


async def test_archiving_that_was_cut_short_is_completed(instance: Instance) -> None:
    run = a_run(1, "/user/u")
    await instance.archive.add(ArchivedRun(run=run, tasks=()))
    await instance.live.change(
        lambda: Change(put={request_key(run.request_id): run.id, run_key(run.id): run})
    )
    assert await instance.find() == [run]
    await instance.keep(run)
    assert not [*instance.live.runs()]
    assert instance.live.requested(run.request_id) is None
    assert await instance.find() == [run]
