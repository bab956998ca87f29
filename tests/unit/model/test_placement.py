"""agola.model.placement, spec, group and run_id: small decisions."""

from datetime import UTC, datetime, timedelta

import pytest

from agola.core.errors import BadRequestError
from agola.model.executor import Executor, ExecutorID
from agola.model.group import check_group, enclosing, root_group, within
from agola.model.placement import choose_executor
from agola.model.run_config import (
    Arch,
    Container,
    Depend,
    RunConfig,
    RunID,
    RunStep,
    Runtime,
    SaveToWorkspaceStep,
    TaskConfig,
    TaskID,
)
from agola.model.run_id import RunIds
from agola.model.spec import spec_data

SMALL = Executor(id=ExecutorID("small"), name="small", address="a", slots=1)
LARGE = Executor(
    id=ExecutorID("large"),
    name="large",
    address="a",
    slots=4,
    archs=(Arch.AMD64, Arch.ARM64),
    labels={"disk": "ssd", "zone": "x"},
    privileged=True,
)
BOTH = [LARGE, SMALL]


@pytest.mark.parametrize(
    ("runtime", "loads", "chosen"),
    [
        (Runtime(), {}, LARGE),
        (Runtime(), {LARGE.id: 1}, SMALL),
        (Runtime(), {LARGE.id: 3, SMALL.id: 1}, LARGE),
        (Runtime(), {LARGE.id: 4, SMALL.id: 1}, None),
        (Runtime(arch=Arch.ARM64), {LARGE.id: 3}, LARGE),
        (Runtime(arch=Arch.I386), {}, None),
        (Runtime(labels={"disk": "ssd"}), {LARGE.id: 3}, LARGE),
        (Runtime(labels={"disk": "tape"}), {}, None),
        (Runtime(containers=(Container(), Container(privileged=True))), {LARGE.id: 3}, LARGE),
        (Runtime(containers=(Container(privileged=True),)), {LARGE.id: 4}, None),
    ],
)
def test_the_least_busy_executor_that_suits_takes_the_task(
    runtime: Runtime, loads: dict[ExecutorID, int], chosen: Executor | None
) -> None:
    assert choose_executor(runtime, BOTH, loads) == chosen


def test_a_draining_executor_takes_nothing() -> None:
    draining = Executor(id=ExecutorID("d"), name="d", address="a", draining=True)
    assert choose_executor(Runtime(), [draining], {}) is None


def saving(name: str, level: int, *parents: str) -> TaskConfig:
    return TaskConfig(
        id=TaskID(name),
        name=name,
        level=level,
        depends=tuple(Depend(task_id=TaskID(parent)) for parent in parents),
        environment={"who": "task", "task": "1"},
        steps=(
            SaveToWorkspaceStep(),
            RunStep(name="x", command="x"),
            SaveToWorkspaceStep(),
        ),
    )


def test_a_task_gets_the_archives_of_all_before_it_and_the_environment_of_the_run() -> None:
    tasks = [saving("b", 0), saving("a", 0), saving("c", 1, "a"), saving("d", 2, "c", "b")]
    config = RunConfig(
        id=RunID("r"),
        name="run",
        group="/project/p/branch/b",
        tasks={task.id: task for task in tasks},
        static_environment={"who": "static", "static": "1"},
        environment={"who": "run"},
    )
    spec = spec_data(config, TaskID("d"), counter=7)
    named = [(archive.task_name, archive.step) for archive in spec.workspace]
    assert named == [("a", 0), ("a", 2), ("b", 0), ("b", 2), ("c", 0), ("c", 2)]
    assert spec.environment == {
        "who": "run",
        "static": "1",
        "task": "1",
        "AGOLA_RUN_COUNTER": "7",
    }
    assert spec.cache_prefix == "p"


@pytest.mark.parametrize("group", ["", "user/u", "/user", "/user/u/branch", "/user//branch/b"])
def test_a_group_is_an_absolute_path_of_pairs(group: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        check_group(group)
    assert caught.value.reason == "RUN_GROUP_INVALID"


def test_groups_enclose_each_other_name_by_name() -> None:
    assert enclosing("/project/p/branch/b") == ("/project/p/branch/b", "/project/p")
    assert root_group("/project/p/branch/b") == "/project/p"
    assert within("/project/p/branch/b", "/project/p")
    assert not within("/project/p/branch/feature02", "/project/p/branch/feature")
    assert not within("/project/axb/branch/b", "/project/a_b")


class StoppedClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0


def test_run_ids_sort_by_creation_even_if_the_clock_goes_back() -> None:
    clock = StoppedClock()
    ids = RunIds(clock)
    made = [ids.next() for _ in range(50)]
    clock.time -= timedelta(days=1)
    made += [ids.next() for _ in range(50)]
    made += [RunIds(clock, after=made[-1]).next()]
    assert made == sorted(set(made))
    assert {len(id_) for id_ in made} == {26}
