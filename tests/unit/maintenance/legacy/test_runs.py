"""Runs of the original become ours."""

from datetime import UTC, datetime

import pytest

from agola.model.run import Phase, Result, StepPhase, StepState, Task, TaskStatus
from agola.model.run_config import TaskID
from tests.unit.maintenance.legacy.original import (
    PROJECT,
    TASKS,
    USER,
    ZERO_TIME,
    Document,
    clone_step,
    run,
    run_config,
    run_step,
    step_state,
    task_config,
    task_state,
)
from tests.unit.maintenance.legacy.reading import (
    ID,
    A,
    B,
    Change,
    converted,
    refusal,
    the_run,
    with_,
    without,
)

START = {"start_time": "2022-03-01T11:00:01+01:00"}
SPAN = {**START, "end_time": "2022-03-01T10:00:02.5Z"}
MORNING = datetime(2022, 3, 1, 10, tzinfo=UTC)


async def test_a_run_keeps_everything_that_is_known_of_it() -> None:
    archived = await the_run(
        run(ID, task_state(A, "success", step_state(), **SPAN), counter=42, **SPAN),
        run_config(ID, task_config(A, "build", run_step("make", "make all"))),
    )
    kept = archived.run
    assert (kept.id, kept.name, kept.counter) == (ID, "build", 42)
    assert kept.group == f"/project/{PROJECT}/branch/feature%2Fx"
    assert kept.annotations == {"branch": "feature/x", "message": "a < b & c"}
    assert (kept.phase, kept.result, kept.stop) == (Phase.FINISHED, Result.SUCCESS, False)
    assert kept.create_time == MORNING.replace(microsecond=123457)
    assert kept.start_time == MORNING.replace(second=1)
    assert kept.end_time == MORNING.replace(second=2, microsecond=500_000)
    assert kept.task_count == 1


async def test_a_task_gets_the_names_that_only_its_config_has() -> None:
    archived = await the_run(
        run(
            ID,
            task_state(A, "success", step_state(exit_status=0, **SPAN), **SPAN),
            task_state(B, "failed", step_state("failed", 137), step_state("notstarted", None)),
            result="failed",
        ),
        run_config(
            ID,
            task_config(A, "build", clone_step()),
            task_config(B, "test", run_step("t", "t"), {"type": "save_cache"}, parents={A: []}),
        ),
    )
    build, test = archived.tasks
    assert (build.name, build.level, build.parents) == ("build", 0, ())
    assert (test.name, test.level, test.parents) == ("test", 1, (A,))
    assert build.steps == (
        StepState(
            name="Clone repository and checkout code",
            kind="clone",
            phase=StepPhase.SUCCESS,
            start_time=MORNING.replace(second=1),
            end_time=MORNING.replace(second=2, microsecond=500_000),
            exit_code=0,
        ),
    )
    assert test.steps == (
        StepState(name="t", kind="run", phase=StepPhase.FAILED, exit_code=137),
        StepState(name="save cache", kind="save_cache"),
    )
    assert (build.status, test.status) == (TaskStatus.SUCCESS, TaskStatus.FAILED)
    assert archived.run.result is Result.FAILED


async def test_a_run_that_waited_for_approval_says_who_was_asked_and_whether() -> None:
    config = run_config(ID, *[task_config(id_, id_[-1], needs_approval=True) for id_ in TASKS])
    states = (
        task_state(A, "success", approved=True, annotations={"approvers": f'["{USER}"]'}),
        task_state(B, "skipped", waiting_approval=True),
    )
    runs, configs, _, skipped = await converted(run(ID, *states), config)
    assert [(one.approved, one.waiting_approval) for one in runs[ID].tasks] == [
        (True, False),
        (False, True),
    ]
    assert all(one.needs_approval for one in configs[ID].tasks.values())
    assert skipped == {"run.tasks.annotations": 1}


async def test_a_stopped_run_has_stopped_and_cancelled_tasks() -> None:
    archived = await the_run(
        run(
            ID,
            task_state(A, "stopped", step_state("stopped", -1), step_state("cancelled", None)),
            task_state(B, "cancelled", setup_step=step_state("notstarted", None)),
            result="stopped",
            stop=True,
        ),
        run_config(
            ID,
            task_config(A, "a", run_step("1", "1"), run_step("2", "2")),
            task_config(B, "b", parents={}),
        ),
    )
    a, b = archived.tasks
    assert (archived.run.result, archived.run.stop) == (Result.STOPPED, True)
    assert (a.status, b.status) == (TaskStatus.STOPPED, TaskStatus.CANCELLED)
    assert [one.phase for one in a.steps] == [StepPhase.STOPPED, StepPhase.NOT_STARTED]
    assert a.steps[0].exit_code == -1


async def test_a_run_with_setup_errors_shows_them_and_has_an_end() -> None:
    runs, configs, _, skipped = await converted(
        run(ID, task_state(A, "notstarted"), phase="setuperror", name="Setup Error"),
        run_config(ID, task_config(A, "a", parents={B: []}), setup_errors=["task b doesn't exist"]),
    )
    kept = runs[ID].run
    assert kept.phase is Phase.SETUP_ERROR
    assert kept.setup_errors == configs[ID].setup_errors == ("task b doesn't exist",)
    assert kept.end_time == kept.create_time
    assert runs[ID].tasks == ()
    assert configs[ID].tasks == {}
    assert skipped == {"run.tasks": 1}


async def test_a_cancelled_run_never_ran() -> None:
    state = task_state(A, "notstarted", step_state("notstarted", None))
    archived = await the_run(
        run(ID, state, phase="cancelled", end_time="2022-03-01T10:00:05Z"),
        run_config(ID, task_config(A, "a", run_step("s", "s"))),
    )
    assert (archived.run.phase, archived.run.result) == (Phase.CANCELLED, Result.UNKNOWN)
    assert archived.run.end_time == MORNING.replace(second=5)
    assert archived.run.start_time is None
    assert archived.tasks[0].status is TaskStatus.NOT_STARTED


async def test_a_time_that_never_was_is_none() -> None:
    zero: Document = {"start_time": ZERO_TIME, "end_time": "0001-01-01T00:00:00+01:00"}
    archived = await the_run(
        run(ID, task_state(A, "skipped", skip=True, **zero), enqueue_time=None, **zero),
        run_config(ID, task_config(A, "a", skip=True)),
    )
    assert archived.run.start_time is archived.run.end_time is None
    assert archived.tasks[0] == Task(
        id=TaskID(A),
        name="a",
        skip=True,
        status=TaskStatus.SKIPPED,
        setup=StepState(name="setup", kind="setup", phase=StepPhase.SUCCESS),
        stored=True,
    )
    assert archived.run.create_time == datetime.fromtimestamp(1_640_000_000, UTC)  # that of the id


async def test_a_task_is_stored_when_everything_of_it_was_fetched() -> None:
    fetched, waits = (
        task_state(id_, "success", workspace_archives=[0], workspace_archives_phase=[phase])
        for id_, phase in ((A, "finished"), (B, "notstarted"))
    )
    archived = await the_run(
        run(ID, fetched, waits), run_config(ID, task_config(A, "a"), task_config(B, "b"))
    )
    assert [one.stored for one in archived.tasks] == [True, False]


RUN_FAULTS: list[Change] = [
    with_(phase="running"),
    with_(phase="queued"),
    with_(phase="over"),
    without("phase"),
    with_(result="maybe"),
    with_(group="project/x"),
    with_(group=f"/project/{PROJECT}/branch"),
    without("group"),
    with_(counter=-1),
    with_(counter=2**63),
    with_(counter="1"),
    with_(enqueue_time="yesterday"),
    with_(enqueue_time="2022-03-01T10:00:00"),
    with_(end_time="9999-12-31T23:59:59-10:00"),
    with_(annotations={"a": 1}),
    with_(tasks={}),
    with_(tasks={B: task_state(B, "success", step_state())}),
    with_(tasks={A: task_state(B, "success", step_state())}),
    with_(tasks={A: task_state(A, "finished", step_state())}),
    with_(tasks={A: task_state(A, "success")}),
    with_(tasks={A: task_state(A, "success", step_state("over"))}),
    with_(tasks={A: task_state(A, "success", step_state(exit_status=2**40))}),
    with_(tasks=[]),
]


@pytest.mark.parametrize("change", RUN_FAULTS)
async def test_a_run_that_cannot_be_kept_is_refused(change: Change) -> None:
    data_type, document = run(ID, task_state(A, "success", step_state()))
    change(document)
    config = run_config(ID, task_config(A, "a", run_step("s", "s")))
    error = await refusal((data_type, document), config)
    assert error.metadata == {"entry": "1", "type": "run", "id": ID}
