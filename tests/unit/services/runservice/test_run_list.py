"""Lists of runs, and the read database behind them."""

import asyncio
import shutil
from contextlib import aclosing
from pathlib import Path

import pytest

from agola.core.errors import BadRequestError
from agola.model.run import Phase, Result
from agola.model.run_config import RunID
from agola.model.run_event import RunEnded
from agola.model.run_query import RunFilter, RunNumber
from tests.unit.services.runservice.conftest import Runservice, Start, a_run

MAIN = "/project/p/branch/main"


async def create(runservice: Runservice, *groups: str) -> list[RunID]:
    return [(await runservice.runs.create_run(a_run(group=group))).run.id for group in groups]


async def archive(runservice: Runservice, *run_ids: RunID) -> None:
    for run_id in run_ids:
        await runservice.runs.cancel_run(run_id)
        async with asyncio.timeout(10), aclosing(runservice.runs.watch_run(run_id)) as progress:
            assert any([isinstance(one, RunEnded) async for one in progress])


async def listed(
    runservice: Runservice, *, page_size: int = 0, ascending: bool = False, **filter_: object
) -> list[RunID]:
    """Read all pages."""
    asked, found, token = RunFilter(**filter_), list[RunID](), None  # type: ignore[arg-type]
    while token != "":
        page = await runservice.runs.list_runs(
            asked, page_size=page_size, page_token=token or "", ascending=ascending
        )
        assert len(page.runs) <= (page_size or 50)
        found += [run.id for run in page.runs]
        token = page.next_page_token
    return found


async def test_live_and_archived_runs_are_one_list(runservice: Runservice) -> None:
    made = await create(runservice, *[MAIN] * 7)
    await archive(runservice, made[1], made[3], made[6])
    assert await listed(runservice) == made[::-1]
    for size in (1, 2, 3, 7):
        assert await listed(runservice, page_size=size) == made[::-1]
        assert await listed(runservice, page_size=size, ascending=True) == made


async def test_groups_are_found_name_by_name(runservice: Runservice) -> None:
    main, sub, feature, other, upper = await create(
        runservice,
        MAIN,
        "/project/p/branch/feature",
        "/project/p/branch/feature02",
        "/project/axb/branch/b",
        "/project/P/branch/main",
    )
    for archived in (False, True):
        if archived:
            await archive(runservice, main, sub, feature, other, upper)
        assert await listed(runservice, group="/project/p") == [feature, sub, main]
        assert await listed(runservice, group="/project/p/branch/feature") == [sub]
        assert await listed(runservice, group="/project/a_b") == []


async def test_phases_and_results_are_found(runservice: Runservice) -> None:
    queued, cancelled = await create(runservice, MAIN, "/user/u")
    await archive(runservice, cancelled)
    assert await listed(runservice, phases=(Phase.CANCELLED,)) == [cancelled]
    assert await listed(runservice, phases=(Phase.QUEUED, Phase.RUNNING)) == [queued]
    assert await listed(runservice, results=(Result.SUCCESS,)) == []
    assert await listed(runservice, results=(Result.UNKNOWN,)) == [cancelled, queued]


async def test_a_page_of_another_list_and_a_wrong_group_are_refused(
    runservice: Runservice,
) -> None:
    await create(runservice, *[MAIN] * 2)
    page = await runservice.runs.list_runs(page_size=1)
    with pytest.raises(BadRequestError) as caught:
        await runservice.runs.list_runs(
            RunFilter(group=MAIN), page_size=1, page_token=page.next_page_token
        )
    assert caught.value.reason == "PAGE_TOKEN_INVALID"
    with pytest.raises(BadRequestError) as caught:
        await runservice.runs.list_runs(RunFilter(group="project"))
    assert caught.value.reason == "RUN_GROUP_INVALID"


async def test_a_lost_read_database_is_built_again(start: Start, tmp_path: Path) -> None:
    async with start() as runservice:
        made = await create(runservice, *[MAIN] * 3)
        await archive(runservice, *made)
    for file in (tmp_path / "runservice").glob("read.db*"):
        file.unlink()
    async with start() as runservice:
        assert await listed(runservice, group=MAIN) == made[::-1]


async def test_a_lost_key_value_store_loses_no_ended_run_and_no_number(
    start: Start, tmp_path: Path
) -> None:
    async with start() as runservice:
        ended, _queued = await create(runservice, *[MAIN] * 2)
        await archive(runservice, ended)
    for file in (tmp_path / "runservice").glob("kv.db*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    async with start() as runservice:
        assert await listed(runservice) == [ended]
        number = RunNumber(root_group="/project/p", counter=1)
        assert (await runservice.runs.get_run(number)).run.id == ended
        after = (await runservice.runs.create_run(a_run(group=MAIN))).run
        assert (after.counter, after.id > ended) == (3, True)
