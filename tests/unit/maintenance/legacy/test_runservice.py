"""Runs, run configs and numbers of the original become ours."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest

from agola.core.errors import BadRequestError
from agola.datamanager.port import StoredObject
from agola.maintenance.legacy import runservice
from agola.model.run import ArchivedRun, Phase, Result, StepPhase, StepState, Task, TaskStatus
from agola.model.run_config import (
    Arch,
    ArchiveContents,
    CloneStep,
    Condition,
    Container,
    Depend,
    GitSource,
    RegistryAuth,
    RestoreCacheStep,
    RestoreWorkspaceStep,
    RunConfig,
    RunStep,
    Runtime,
    SaveCacheStep,
    SaveToWorkspaceStep,
    Step,
    TaskConfig,
    TaskID,
    Tmpfs,
)
from tests.unit.maintenance.legacy.original import (
    CLONE_SCRIPT,
    PROJECT,
    TASKS,
    USER,
    ZERO_TIME,
    Document,
    clone_step,
    container,
    conversion,
    entry,
    export,
    run,
    run_config,
    run_id,
    run_step,
    step_state,
    task_config,
    task_state,
)

A, B = TASKS
ID = run_id(1)
START = {"start_time": "2022-03-01T11:00:01+01:00"}
SPAN = {**START, "end_time": "2022-03-01T10:00:02.5Z"}
MORNING = datetime(2022, 3, 1, 10, tzinfo=UTC)

Entries = tuple[str, Document]


async def converted(
    *entries: Entries, counters: bytes = b""
) -> tuple[dict[str, ArchivedRun], dict[str, RunConfig], dict[str, int], dict[str, int]]:
    """Give runs, run configs, numbers, and what was skipped."""
    objects, skipped = await conversion("runservice", export(entries) + counters)
    decode = msgspec.json.decode
    return (
        {one.id: decode(one.data, type=ArchivedRun) for one in _of(objects, "run")},
        {one.id: decode(one.data, type=RunConfig) for one in _of(objects, "runconfig")},
        {one.id: int(one.data) for one in _of(objects, "runcounter")},
        skipped,
    )


def _of(objects: list[StoredObject], data_type: str) -> list[StoredObject]:
    return [stored for stored in objects if stored.data_type == data_type]


async def the_run(*entries: Entries) -> ArchivedRun:
    runs, *_ = await converted(*entries)
    return runs[ID]


async def the_task(config: Document, **fields: object) -> TaskConfig:
    _, configs, *_ = await converted(run_config(ID, config, **fields))
    return configs[ID].tasks[TaskID(config["id"])]


async def the_step(step: Document, **fields: object) -> Step:
    return (await the_task(task_config(A, "build", step), **fields)).steps[0]


async def refusal(*entries: Entries, counters: bytes = b"") -> BadRequestError:
    with pytest.raises(BadRequestError) as refused:
        await converted(*entries, counters=counters)
    assert refused.value.reason == "EXPORT_INVALID"
    return refused.value


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


async def test_a_run_config_keeps_its_surroundings() -> None:
    fields = {"environment": {"SECRET": "s3cr3t"}, "cache_group": "cache"}
    _, configs, *_ = await converted(run_config(ID, task_config(A, "a"), **fields))
    config = configs[ID]
    assert config.environment == {"SECRET": "s3cr3t"}
    assert config.static_environment["AGOLA_SSHPRIVKEY"] == "-----BEGIN"
    assert config.cache_group == "cache"
    assert config.annotations == {"branch": "feature/x"}
    assert config.source == GitSource(
        url="git@git.example:o/r.git", ref="refs/heads/feature/x", commit="c0ffee"
    )


async def test_a_task_keeps_what_it_runs_in() -> None:
    volumes = [{"path": "/cache", "tmpfs": {"size": 1024}}, {"path": "/tmp", "tmpfs": None}]
    task = await the_task(
        task_config(
            A,
            "a",
            runtime={
                "type": "pod",
                "arch": "arm64",
                "containers": [
                    container(environment={"A": "b"}, user="me", volumes=volumes),
                    container(image="postgres", privileged=True, entrypoint="run it"),
                ],
            },
            docker_registries_auth={
                "one": {"type": "basic", "username": "u", "password": "p", "auth": ""},
                "two": {"type": "encodedauth", "username": "", "password": "", "auth": "dTpw"},
            },
            environment={"X": "y"},
            ignore_failure=True,
            user="you",
            shell="/bin/bash",
            working_dir="/src",
        )
    )
    assert task.runtime == Runtime(
        arch=Arch.ARM64,
        containers=(
            Container(
                image="alpine",
                environment={"A": "b"},
                user="me",
                volumes=(Tmpfs(path="/cache", size=1024), Tmpfs(path="/tmp")),
            ),
            Container(image="postgres", privileged=True, entrypoint="run it"),
        ),
    )
    assert task.registries == {
        "one": RegistryAuth(username="u", password="p"),
        "two": RegistryAuth(auth="dTpw"),
    }
    assert (task.environment, task.ignore_failure) == ({"X": "y"}, True)
    assert (task.user, task.shell, task.working_dir) == ("you", "/bin/bash", "/src")


async def test_a_task_that_says_little_gets_the_defaults() -> None:
    task = await the_task({"id": A, "name": "a", "depends": None, "docker_registries_auth": None})
    assert task == TaskConfig(id=TaskID(A), name="a")


async def test_tasks_depend_on_each_other_as_they_did() -> None:
    conditions = ["on_success", "on_failure", "on_skipped"]
    _, configs, *_ = await converted(
        run_config(
            ID,
            task_config(A, "a"),
            task_config(B, "b", parents={A: conditions}),
            task_config("c", "c", parents={A: [], B: ["on_skipped"]}, level=7),
        )
    )
    tasks = configs[ID].tasks
    assert tasks[TaskID(B)].depends == (
        Depend(
            task_id=TaskID(A),
            conditions=(Condition.ON_SUCCESS, Condition.ON_FAILURE, Condition.ON_SKIPPED),
        ),
    )
    assert tasks[TaskID("c")].depends == (
        Depend(task_id=TaskID(A)),
        Depend(task_id=TaskID(B), conditions=(Condition.ON_SKIPPED,)),
    )
    assert [task.level for task in tasks.values()] == [0, 1, 2]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            run_step("make", "make", environment={"A": "b"}, shell="sh", working_dir="d"),
            RunStep(
                name="make", command="make", environment={"A": "b"}, shell="sh", working_dir="d"
            ),
        ),
        (
            {"type": "run", "name": "quiet", "command": "x", "tty": False},
            RunStep(name="quiet", command="x", tty=False),
        ),
        ({"type": "run", "tty": None}, RunStep(name="", command="")),
        (
            {
                "type": "save_to_workspace",
                "contents": [{"source_dir": "out", "dest_dir": "in", "paths": ["**"]}, {}],
            },
            SaveToWorkspaceStep(
                contents=(
                    ArchiveContents(source_dir="out", dest_dir="in", paths=("**",)),
                    ArchiveContents(),
                )
            ),
        ),
        ({"type": "restore_workspace", "dest_dir": "."}, RestoreWorkspaceStep()),
        (
            {"type": "save_cache", "name": "keep", "key": "k-{{ arch }}", "contents": None},
            SaveCacheStep(name="keep", key="k-{{ arch }}"),
        ),
        (
            {"type": "restore_cache", "keys": ["a", "b"], "dest_dir": "/c"},
            RestoreCacheStep(keys=("a", "b"), dest_dir="/c"),
        ),
    ],
)
async def test_steps_are_what_they_were(written: Document, expected: Step) -> None:
    assert await the_step(written) == expected


@pytest.mark.parametrize(
    ("options", "depth", "deep"),
    [
        ("", 0, False),
        ("--depth 3", 3, False),
        ("--recurse-submodules", 0, True),
        ("--depth 1 --recurse-submodules", 1, True),
    ],
)
async def test_the_script_of_a_clone_step_is_a_clone_step_again(
    options: str,
    depth: int,
    deep: bool,  # noqa: FBT001
) -> None:
    name = "Clone repository and checkout code"
    expected = CloneStep(name=name, depth=depth, recurse_submodules=deep)
    assert await the_step(clone_step(options)) == expected


async def test_what_only_looks_like_a_clone_step_runs_as_it_did() -> None:
    for step in (
        run_step("clone", CLONE_SCRIPT.format(options="")),
        run_step("Clone repository and checkout code", "git clone https://elsewhere ."),
        clone_step("--mirror"),
    ):
        assert isinstance(await the_step(step), RunStep)


async def test_a_run_that_does_not_say_what_to_clone_clones_by_its_script() -> None:
    assert isinstance(await the_step(clone_step(), static_environment={"CI": "true"}), RunStep)


async def test_runs_are_joined_with_their_configs_in_the_order_of_ids() -> None:
    ids = [run_id(number) for number in range(1, 50)]
    entries = [run(id_, counter=number) for number, id_ in enumerate(ids, 1)]
    entries += [run_config(id_) for id_ in ids]
    objects, skipped = await conversion("runservice", export(entries))
    for data_type in ("run", "runconfig"):
        assert [stored.id for stored in _of(objects, data_type)] == ids
    assert skipped == {}


async def test_runs_that_wait_may_be_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runservice, "SPOOLED_BYTES", 100)  # the others wait in a file
    await test_runs_are_joined_with_their_configs_in_the_order_of_ids()


async def test_the_config_of_a_run_that_had_not_ended_is_kept() -> None:
    runs, configs, numbers, skipped = await converted(run_config(ID, task_config(A, "a")))
    assert (list(runs), list(configs)) == ([], [ID])
    assert numbers == {f"project-{PROJECT}": 0}
    assert skipped == {}


async def test_runs_without_a_config_are_counted() -> None:
    entries = [run(run_id(number)) for number in (1, 2, 3, 4)]
    runs, _, _, skipped = await converted(*entries, run_config(run_id(3)))
    assert list(runs) == [run_id(3)]
    assert skipped == {"run": 3}


def _counter(id_: str, number: object) -> bytes:
    return entry("runcounter", id_, number)


async def test_numbers_go_on_where_they_were() -> None:
    mine = f"/user/{USER}/branch/main"
    _, _, numbers, skipped = await converted(
        run(ID, counter=3),
        run(run_id(2), counter=1, group=mine),
        run_config(ID),
        run_config(run_id(2), group=mine),
        counters=_counter(USER, 9) + _counter(PROJECT, 4),
    )
    assert numbers == {f"project-{PROJECT}": 4, f"user-{USER}": 9}
    assert skipped == {}


async def test_no_number_is_given_twice_if_the_counter_is_lost_or_behind() -> None:
    pair = [run(ID, counter=7), run_config(ID)]
    _, _, numbers, _ = await converted(*pair)
    assert numbers == {f"project-{PROJECT}": 7}
    _, _, numbers, _ = await converted(*pair, counters=_counter(PROJECT, 6))
    assert numbers == {f"project-{PROJECT}": 7}


async def test_a_counter_of_no_run_is_counted() -> None:
    _, _, numbers, skipped = await converted(run_config(ID), counters=_counter(USER, 1))
    assert numbers == {f"project-{PROJECT}": 0}
    assert skipped == {"runcounter": 1}


Change = Callable[[Document], object]


def _with(**fields: object) -> Change:
    return lambda document: document.update(fields)


def _without(field: str) -> Change:
    return lambda document: document.pop(field)


RUN_FAULTS: list[Change] = [
    _with(phase="running"),
    _with(phase="queued"),
    _with(phase="over"),
    _without("phase"),
    _with(result="maybe"),
    _with(group="project/x"),
    _with(group=f"/project/{PROJECT}/branch"),
    _without("group"),
    _with(counter=-1),
    _with(counter=2**63),
    _with(counter="1"),
    _with(enqueue_time="yesterday"),
    _with(enqueue_time="2022-03-01T10:00:00"),
    _with(end_time="9999-12-31T23:59:59-10:00"),
    _with(annotations={"a": 1}),
    _with(tasks={}),
    _with(tasks={B: task_state(B, "success", step_state())}),
    _with(tasks={A: task_state(B, "success", step_state())}),
    _with(tasks={A: task_state(A, "finished", step_state())}),
    _with(tasks={A: task_state(A, "success")}),
    _with(tasks={A: task_state(A, "success", step_state("over"))}),
    _with(tasks={A: task_state(A, "success", step_state(exit_status=2**40))}),
    _with(tasks=[]),
]


@pytest.mark.parametrize("change", RUN_FAULTS)
async def test_a_run_that_cannot_be_kept_is_refused(change: Change) -> None:
    data_type, document = run(ID, task_state(A, "success", step_state()))
    change(document)
    config = run_config(ID, task_config(A, "a", run_step("s", "s")))
    error = await refusal((data_type, document), config)
    assert error.metadata == {"entry": "1", "type": "run", "id": ID}


CONFIG_FAULTS: list[Change] = [
    _with(group=""),
    _with(group="/"),
    _without("name"),
    _with(tasks={A: task_config(B, "b")}),
    _with(tasks={"a/b": task_config("a/b", "a")}),
    _with(tasks={A: None, B: 1}),
    _with(tasks={A: task_config(A, "a", parents={B: []})}),
    _with(tasks={A: task_config(A, "a", parents={A: []})}),
    _with(tasks={A: task_config(A, "a", parents={B: ["always"]}), B: task_config(B, "b")}),
    _with(tasks={A: task_config(A, "a", {"type": "teleport"})}),
    _with(tasks={A: task_config(A, "a", {"name": "of no type"})}),
    _with(tasks={A: task_config(A, "a", None)}),
    _with(tasks={A: task_config(A, "a", runtime={"arch": "vax"})}),
    _with(tasks={A: task_config(A, "a", docker_registries_auth={"r": {"type": "ticket"}})}),
    _with(environment={"A": 1}),
    _with(setup_errors="none"),
]


@pytest.mark.parametrize("change", CONFIG_FAULTS)
async def test_a_run_config_that_cannot_be_kept_is_refused(change: Change) -> None:
    data_type, document = run_config(ID)
    change(document)
    error = await refusal((data_type, document))
    assert error.metadata == {"entry": "1", "type": "runconfig", "id": ID}


@pytest.mark.parametrize("make", [run, run_config])
@pytest.mark.parametrize(
    "id_",
    [
        "1",
        "01kb0000000000000000000000",
        ID.replace("1", "V"),
        ID.replace("1", "w"),
        ID.replace("-", "_"),
        ID + "0",
        run_id(1, epoch=32**7),
    ],
)
async def test_only_ids_as_the_original_makes_them_are_taken(
    make: Callable[[str], Entries], id_: str
) -> None:
    assert "not that of a run" in (await refusal(make(id_))).message


async def test_a_run_under_the_id_of_another_is_refused() -> None:
    for data_type, document in (run(ID), run_config(ID)):
        with pytest.raises(BadRequestError, match="says that its id is"):
            await conversion("runservice", entry(data_type, run_id(2), document))


@pytest.mark.parametrize("number", [-1, 2**63, "7", None, {}, 1.5])
async def test_a_counter_that_is_no_number_is_refused(number: object) -> None:
    error = await refusal(run_config(ID), counters=_counter(PROJECT, number))
    assert error.metadata == {"entry": "2", "type": "runcounter", "id": PROJECT}


async def test_runs_behind_their_configs_are_refused() -> None:
    stream = export([run_config(ID), run(ID)])
    with pytest.raises(BadRequestError, match="behind the run configs"):
        await conversion("runservice", stream)


async def test_what_is_of_another_service_is_refused() -> None:
    error = await refusal(("user", {"id": USER, "name": "alice"}))
    assert "not of a runservice" in error.message


@pytest.mark.parametrize("document", [b"[]", b"{", b"\xff", b'{"name":"\xff"}', b"[" * 100_000])
async def test_a_document_that_is_none_is_refused(document: bytes) -> None:
    stream = entry("run", ID, 1).replace(b"MQ==", _base64(document))
    with pytest.raises(BadRequestError, match="entry 1"):
        await conversion("runservice", stream)


def _base64(data: bytes) -> bytes:
    return msgspec.json.encode(data).strip(b'"')
