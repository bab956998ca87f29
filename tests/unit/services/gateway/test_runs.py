"""Runs, over the public API."""

import pytest

from agola.core.errors import BadRequestError, ForbiddenError, NotExistError
from agola.model.log import SETUP_LOG, LogEnd, LogPart
from agola.model.run import Phase, Task
from agola.model.run_config import RunID, TaskID
from agola.model.run_event import RunDifference, RunEnded, RunState
from agola.model.run_ref import NumberedRun, ProjectRuns, RunSelection, TaskRef, UserRuns
from tests.unit.services.gateway.caller import Caller
from tests.unit.services.gateway.house import House
from tests.unit.services.gateway.users import ALICE, BOB

HERS = f"/user/{ALICE.id}/repository/u/branch/main"
HIS = f"/user/{BOB.id}/repository/u/branch/main"
TASK = Task(id=TaskID("t1"), name="compile")


async def test_a_run_is_found_by_id_and_by_number(house: House, calling: Caller) -> None:
    run = house.runs.add(HERS, tasks=(TASK,))
    alice, admin = await calling("alice"), await calling("admin")
    for ref in (run.id, NumberedRun(1), NumberedRun(1, UserRuns(ALICE.id))):
        assert await alice.runs.get_run(ref) == RunState(run, (TASK,))
    assert (await admin.runs.get_run(NumberedRun(1, UserRuns("alice")))).run == run


async def test_a_run_of_somebody_else_does_not_exist(house: House, calling: Caller) -> None:
    run = house.runs.add(HIS)
    alice = await calling("alice")
    for call in (
        alice.runs.get_run(run.id),
        alice.runs.stop_run(run.id),
        alice.runs.cancel_run(run.id),
        alice.runs.get_run(NumberedRun(1)),
        anext(alice.runs.watch_run(run.id)),
        anext(alice.logs.stream_task_log(run.id, TaskRef(name="compile"), SETUP_LOG)),
    ):
        with pytest.raises(NotExistError) as caught:
            await call
        assert caught.value.reason == "RUN_DOES_NOT_EXIST"
    assert not house.runs.states[run.id].run.stop


async def test_a_hidden_run_and_none_are_told_in_the_same_words(
    house: House, calling: Caller
) -> None:
    run = house.runs.add(HIS)
    alice = await calling("alice")
    texts = []
    for run_id in (run.id, RunID("r9")):
        with pytest.raises(NotExistError) as caught:
            await alice.runs.get_run(run_id)
        assert caught.value.metadata == {"runId": run_id}
        texts.append(str(caught.value).replace(run_id, "X"))
    assert texts[0] == texts[1]


async def test_a_number_that_no_run_has_is_told_as_people_say_it(calling: Caller) -> None:
    admin = await calling("admin")
    for ref, text in ((NumberedRun(9), "run 9"), (NumberedRun(9, UserRuns("bob")), "run 9 of bob")):
        with pytest.raises(NotExistError) as caught:
            await admin.runs.get_run(ref)
        assert str(caught.value) == f"{text} doesn't exist"


async def test_one_lists_ones_own_runs(house: House, calling: Caller) -> None:
    first, second = house.runs.add(HERS), house.runs.add(HERS + "-two")
    house.runs.add(HIS)
    alice = await calling("alice")
    assert (await alice.runs.list_runs()).items == (second, first)
    page = await alice.runs.list_runs(page_size=1, ascending=True)
    assert (page.items, page.next_token) == ((first,), "more")
    selection = RunSelection(subgroup="repository/u/branch/main-two", phases=(Phase.QUEUED,))
    assert (await alice.runs.list_runs(selection)).items == (second,)
    assert (await alice.runs.list_runs(RunSelection(phases=(Phase.RUNNING,)))).items == ()


async def test_administrators_list_the_runs_of_others(house: House, calling: Caller) -> None:
    run = house.runs.add(HIS)
    alice, admin = await calling("alice"), await calling("admin")
    his = RunSelection(scope=UserRuns("bob"))
    assert (await admin.runs.list_runs(his)).items == (run,)
    with pytest.raises(ForbiddenError) as caught:
        await alice.runs.list_runs(his)
    assert caught.value.reason == "ADMIN_REQUIRED"


async def test_there_is_no_project_yet(calling: Caller) -> None:
    alice = await calling("alice")
    with pytest.raises(NotExistError) as caught:
        await alice.runs.list_runs(RunSelection(scope=ProjectRuns("org/acme/web")))
    assert caught.value.reason == "PROJECT_DOES_NOT_EXIST"


async def test_a_run_is_watched_until_it_has_ended(house: House, calling: Caller) -> None:
    run = house.runs.add(HERS)
    alice = await calling("alice")
    snapshot, heartbeat, change, end = [news async for news in alice.runs.watch_run(run.id)]
    assert snapshot == RunState(run, ())
    assert heartbeat is None
    assert isinstance(change, RunDifference)
    assert change.run is not None
    assert change.run.phase is Phase.FINISHED
    assert end == RunEnded()


async def test_runs_are_stopped_and_cancelled(house: House, calling: Caller) -> None:
    house.runs.add(HERS)
    house.runs.add(HERS)
    alice = await calling("alice")
    assert (await alice.runs.stop_run(NumberedRun(1))).stop
    assert (await alice.runs.cancel_run(NumberedRun(2))).phase is Phase.CANCELLED


async def test_a_token_that_only_reads_stops_nothing(house: House, calling: Caller) -> None:
    run = house.runs.add(HERS)
    house.users.add_token(ALICE, "reader", scopes=["run:read"])
    reader = await calling("reader")
    await reader.runs.get_run(run.id)
    with pytest.raises(ForbiddenError) as caught:
        await reader.runs.stop_run(run.id)
    assert caught.value.metadata == {"scope": "run:write"}


@pytest.mark.parametrize(
    ("ref", "reason"),
    [(RunID(""), "RUN_REF_REQUIRED"), (NumberedRun(0), "RUN_NUMBER_INVALID")],
)
async def test_a_ref_that_names_no_run_is_refused(
    calling: Caller, ref: RunID | NumberedRun, reason: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await (await calling("alice")).runs.get_run(ref)
    assert caught.value.reason == reason


async def test_a_log_is_named_by_run_task_and_part(house: House, calling: Caller) -> None:
    run = house.runs.add(HERS, tasks=(TASK,))
    alice = await calling("alice")
    for task in (TaskRef(name="compile"), TaskRef(id=TASK.id)):
        log = alice.logs.stream_task_log(run.id, task, SETUP_LOG)
        assert [event async for event in log] == [LogEnd(0)]
    for task, part, reason in (
        (TaskRef(name="link"), SETUP_LOG, "TASK_DOES_NOT_EXIST"),
        (TaskRef(name="compile"), LogPart(0), "LOG_DOES_NOT_EXIST"),
    ):
        with pytest.raises(NotExistError) as caught:
            await anext(alice.logs.stream_task_log(NumberedRun(1), task, part))
        assert caught.value.reason == reason
