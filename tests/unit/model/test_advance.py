"""agola.model.advance: every rule in a table, and what holds for every graph."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from agola.model.advance import Decision, advance
from agola.model.executor import (
    ExecutorID,
    ExecutorTask,
    ExecutorTaskPhase,
    ExecutorTaskStatus,
)
from agola.model.graph import levels
from agola.model.run import Phase, Result, Run, Task, TaskStatus, initial_tasks
from agola.model.run_config import (
    Condition,
    Depend,
    RunConfig,
    RunID,
    SaveToWorkspaceStep,
    Step,
    TaskConfig,
    TaskID,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
S = TaskStatus
ALL = tuple(Condition)


def task(name: str, *parents: str | Depend, **fields: object) -> TaskConfig:
    depends = tuple(
        parent if isinstance(parent, Depend) else Depend(task_id=TaskID(parent))
        for parent in parents
    )
    plain = TaskConfig(id=TaskID(name), name=name, depends=depends)
    return structs.replace(plain, **fields)


def on(parent: str, *conditions: Condition) -> Depend:
    return Depend(task_id=TaskID(parent), conditions=conditions)


def config(*tasks: TaskConfig) -> RunConfig:
    by_id = {one.id: one for one in tasks}
    found = levels(by_id)
    assert found is not None
    leveled = {id_: structs.replace(one, level=found[id_]) for id_, one in by_id.items()}
    return RunConfig(id=RunID("r"), name="run", group="/user/u", tasks=leveled)


def running(**fields: object) -> Run:
    run = Run(
        id=RunID("r"), name="run", group="/user/u", counter=1, create_time=NOW, phase=Phase.RUNNING
    )
    return structs.replace(run, **fields)


def given_out(name: str, phase: str = "running", *, stop: bool = False) -> ExecutorTask:
    return ExecutorTask(
        task_id=TaskID(name),
        run_id=RunID("r"),
        executor_id=ExecutorID("e"),
        stop=stop,
        status=ExecutorTaskStatus(phase=ExecutorTaskPhase(phase)),
    )


def states(of: RunConfig, **statuses: TaskStatus) -> dict[TaskID, Task]:
    return {
        id_: structs.replace(one, status=statuses.get(id_, one.status))
        for id_, one in initial_tasks(of).items()
    }


def decide(
    of: RunConfig, run: Run | None = None, *held: ExecutorTask, **statuses: TaskStatus
) -> Decision:
    executor_tasks = {one.task_id: one for one in held}
    return advance(run or running(), states(of, **statuses), of, executor_tasks, now=NOW)


def changed(decision: Decision) -> dict[str, TaskStatus]:
    return {one.id: one.status for one in decision.tasks}


def test_tasks_without_parents_may_start() -> None:
    decision = decide(config(task("b"), task("a"), task("c", "a")))
    assert decision.assign == ("a", "b")
    assert not decision.tasks


def test_a_task_that_was_given_out_is_not_given_out_again() -> None:
    assert decide(config(task("a")), None, given_out("a", "notstarted")).assign == ()


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.RUNNING])
def test_only_a_running_run_goes_on(phase: Phase) -> None:
    run = running(phase=phase)
    assert decide(config(task("a")), run) == Decision(run=run)


MATRIX = {
    S.SUCCESS: {Condition.ON_SUCCESS},
    S.FAILED: {Condition.ON_FAILURE},
    S.SKIPPED: {Condition.ON_SKIPPED},
    S.STOPPED: set(),
    S.CANCELLED: set(),
}


@pytest.mark.parametrize(("status", "condition"), list(product(MATRIX, Condition)))
@pytest.mark.parametrize("ignored", [False, True])
def test_a_child_runs_if_its_parent_ended_as_it_asks(
    status: TaskStatus,
    condition: Condition,
    ignored: bool,  # noqa: FBT001
) -> None:
    graph = config(task("a", ignore_failure=ignored), task("b", on("a", condition)), task("z"))
    decision = decide(graph, None, given_out("z"), a=status, z=S.RUNNING)
    runs = condition in MATRIX[status]
    assert decision.assign == (("b",) if runs else ())
    assert changed(decision) == ({} if runs else {"b": S.SKIPPED})


def test_every_parent_has_to_match() -> None:
    graph = config(task("a"), task("b"), task("c", "a", on("b", Condition.ON_FAILURE)))
    decision = decide(graph, None, a=S.SUCCESS, b=S.SUCCESS)
    assert changed(decision) == {"c": S.SKIPPED}


def test_a_cascade_of_skips_settles_at_once() -> None:
    chain = [task("t00", skip=True)]
    chain += [task(f"t{n:02}", f"t{n - 1:02}") for n in range(1, 12)]
    decision = decide(config(*chain))
    assert set(changed(decision).values()) == {S.SKIPPED}
    assert len(decision.tasks) == 11
    assert (decision.run.phase, decision.run.result) == (Phase.FINISHED, Result.SUCCESS)


def test_a_run_without_tasks_succeeds() -> None:
    decision = decide(config())
    assert (decision.run.phase, decision.run.result) == (Phase.FINISHED, Result.SUCCESS)
    assert decision.run.end_time == NOW


def test_a_failure_is_the_result_while_others_still_run() -> None:
    graph = config(task("a"), task("b"), task("c"), task("d", "b"))
    decision = decide(graph, None, given_out("b"), a=S.FAILED, b=S.RUNNING)
    assert (decision.run.phase, decision.run.result) == (Phase.RUNNING, Result.FAILED)
    assert changed(decision) == {"c": S.CANCELLED}


def test_branches_that_went_well_run_to_their_end_after_a_failure() -> None:
    graph = config(task("a"), task("b"), task("d", "b"))
    assert decide(graph, None, a=S.FAILED, b=S.SUCCESS).assign == ("d",)


def test_a_failure_that_may_be_does_not_fail_the_run() -> None:
    graph = config(task("a", ignore_failure=True), task("b", "a"))
    decision = decide(graph, None, a=S.FAILED)
    assert decision.run.result is Result.SUCCESS
    assert changed(decision) == {"b": S.SKIPPED}


def test_stopping_ends_what_runs_and_skips_the_rest() -> None:
    graph = config(task("a"), task("b"), task("c", "a"))
    held = (given_out("a"), given_out("b", stop=True))
    decision = decide(graph, running(stop=True), *held, a=S.RUNNING, b=S.RUNNING)
    assert decision.run.result is Result.STOPPED
    assert decision.stop == ("a",)
    assert changed(decision) == {"c": S.SKIPPED}


def test_a_stop_that_comes_too_late_changes_no_result() -> None:
    decision = decide(config(task("a")), running(stop=True), a=S.SUCCESS)
    assert decision.run.result is Result.SUCCESS


def test_a_task_that_was_stopped_makes_no_success() -> None:
    assert decide(config(task("a")), None, a=S.STOPPED).run.result is Result.STOPPED


def test_a_task_that_needs_it_waits_for_an_approval() -> None:
    graph = config(task("a"), task("b", "a", needs_approval=True))
    early = decide(graph, None, given_out("a"), a=S.RUNNING)
    assert not early.tasks
    waiting = decide(graph, None, a=S.SUCCESS)
    assert [one.waiting_approval for one in waiting.tasks] == [True]
    assert waiting.assign == ()


def test_an_approved_task_starts_and_waits_no_more() -> None:
    graph = config(task("b", needs_approval=True))
    tasks = states(graph)
    approved = structs.replace(tasks[TaskID("b")], approved=True, waiting_approval=True)
    decision = advance(running(), {approved.id: approved}, graph, {}, now=NOW)
    assert decision.assign == ("b",)
    assert not decision.tasks[0].waiting_approval


def test_a_child_waits_until_what_its_parent_saved_is_stored() -> None:
    save: tuple[Step, ...] = (SaveToWorkspaceStep(),)
    graph = config(task("a", steps=save), task("b", "a"))
    assert decide(graph, None, given_out("a", "success"), a=S.SUCCESS).assign == ()
    assert decide(graph, None, a=S.SUCCESS).assign == ("b",)


def test_a_child_does_not_wait_for_the_logs_of_its_parent() -> None:
    graph = config(task("a"), task("b", "a"))
    assert decide(graph, None, given_out("a", "success"), a=S.SUCCESS).assign == ("b",)


def test_a_run_is_not_finished_before_its_logs_are_stored() -> None:
    graph = config(task("a"))
    unstored = decide(graph, None, given_out("a", "success"), a=S.SUCCESS)
    assert (unstored.run.phase, unstored.run.result) == (Phase.RUNNING, Result.SUCCESS)
    assert decide(graph, None, a=S.SUCCESS).run.phase is Phase.FINISHED


names = ["a", "b", "c", "d"]


@st.composite
def graphs(draw: st.DrawFn) -> RunConfig:
    tasks = []
    for index, name in enumerate(names):
        parents = draw(st.sets(st.sampled_from(names[:index]))) if index else set()
        edges = [
            on(parent, *draw(st.sets(st.sampled_from(ALL), min_size=1)))
            for parent in sorted(parents)
        ]
        flags = {"ignore_failure": draw(st.booleans()), "skip": draw(st.booleans())}
        tasks.append(task(name, *edges, **flags))
    return config(*tasks)


ENDS = ["success", "failed", "stopped", "cancelled"]


def apply(
    decision: Decision, tasks: Mapping[TaskID, Task], held: Mapping[TaskID, ExecutorTask]
) -> tuple[Run, dict[TaskID, Task], dict[TaskID, ExecutorTask]]:
    after = dict(tasks) | {one.id: one for one in decision.tasks}
    hands = dict(held) | {id_: given_out(id_, "notstarted") for id_ in decision.assign}
    hands |= {id_: structs.replace(hands[id_], stop=True) for id_ in decision.stop}
    return decision.run, after, hands


@settings(max_examples=200, deadline=None)
@given(graph=graphs(), data=st.data())
def test_every_run_ends_whatever_its_tasks_do(graph: RunConfig, data: st.DataObject) -> None:
    run, tasks = running(), dict(initial_tasks(graph))
    held: dict[TaskID, ExecutorTask] = {}
    given: set[TaskID] = set()
    for _ in range(40):
        decision = advance(run, tasks, graph, held, now=NOW)
        assert not given & set(decision.assign), "a task was given out twice"
        given |= set(decision.assign)
        run, tasks, held = apply(decision, tasks, held)
        again = advance(run, tasks, graph, held, now=NOW)
        assert again == Decision(run=run), "deciding again decides nothing new"
        if run.phase is Phase.FINISHED:
            break
        assert held, "a run that goes on waits for somebody"
        id_ = data.draw(st.sampled_from(sorted(held)))
        if tasks[id_].status.ended:
            del held[id_]
        elif not run.stop and data.draw(st.integers(0, 5)) == 5:
            run = structs.replace(run, stop=True)
        else:
            end = data.draw(st.sampled_from(ENDS))
            held[id_] = given_out(id_, end, stop=held[id_].stop)
            tasks[id_] = structs.replace(tasks[id_], status=TaskStatus(end))
    assert run.phase is Phase.FINISHED
    assert not held
    assert all(one.status.ended for one in tasks.values())
    assert run.result is not Result.UNKNOWN
    failed = [one for one in tasks.values() if one.status is S.FAILED]
    if any(not graph.tasks[one.id].ignore_failure for one in failed):
        assert run.result in {Result.FAILED, Result.STOPPED}
    if run.result is Result.SUCCESS:
        assert not {one.status for one in tasks.values()} & {S.STOPPED, S.CANCELLED}
