"""agola.model.scheduling: whose turn it is."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from agola.model.run import Phase, Run
from agola.model.run_config import RunID
from agola.model.scheduling import GroupQueues


def run(name: str, phase: Phase = Phase.QUEUED, group: str = "/user/u") -> Run:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Run(id=RunID(name), name=name, group=group, counter=1, create_time=now, phase=phase)


def test_the_oldest_queued_run_is_next() -> None:
    queues = GroupQueues()
    queues.reset([run("b"), run("a"), run("c", group="/user/v")])
    assert queues.next("/user/u") == "a"
    assert queues.next("/user/v") == "c"
    assert queues.next("/user/w") is None


def test_nobody_is_next_while_a_run_of_the_group_is_running() -> None:
    queues = GroupQueues()
    queues.reset([run("a", Phase.RUNNING), run("b")])
    assert queues.next("/user/u") is None
    queues.update(run("a", Phase.FINISHED))
    assert queues.next("/user/u") == "b"


def test_a_run_that_was_cancelled_is_not_next() -> None:
    queues = GroupQueues()
    queues.reset([run("a"), run("b")])
    queues.update(run("a", Phase.CANCELLED))
    assert queues.next("/user/u") == "b"
    queues.forget("/user/u", RunID("b"))
    assert queues.next("/user/u") is None


def test_a_run_that_runs_is_not_queued_again_by_late_news() -> None:
    queues = GroupQueues()
    queues.update(run("a", Phase.RUNNING))
    queues.update(run("a", Phase.QUEUED))
    queues.update(run("a", Phase.FINISHED))
    assert queues.next("/user/u") is None


names = st.sampled_from("abcde")


@given(st.lists(st.tuples(names, st.sampled_from(Phase))))
def test_the_queues_know_what_a_map_of_runs_knows(changes: list[tuple[str, Phase]]) -> None:
    order = [Phase.QUEUED, Phase.RUNNING, Phase.FINISHED, Phase.CANCELLED, Phase.SETUP_ERROR]
    queues, known = GroupQueues(), dict[str, Phase]()
    for name, phase in changes:
        if order.index(phase) > order.index(known.get(name, Phase.QUEUED)) or name not in known:
            known[name] = phase
            queues.update(run(name, phase))
    running = [name for name, phase in known.items() if phase is Phase.RUNNING]
    queued = sorted(name for name, phase in known.items() if phase is Phase.QUEUED)
    assert queues.next("/user/u") == (queued[0] if queued and not running else None)
