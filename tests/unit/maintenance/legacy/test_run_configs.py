"""Run configs of the original become ours."""

import pytest

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
    Document,
    clone_step,
    container,
    run_config,
    run_step,
    task_config,
)
from tests.unit.maintenance.legacy.reading import (
    ID,
    A,
    B,
    Change,
    converted,
    refusal,
    the_step,
    the_task,
    with_,
    without,
)


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


CONFIG_FAULTS: list[Change] = [
    with_(group=""),
    with_(group="/"),
    without("name"),
    with_(tasks={A: task_config(B, "b")}),
    with_(tasks={"a/b": task_config("a/b", "a")}),
    with_(tasks={A: None, B: 1}),
    with_(tasks={A: task_config(A, "a", parents={B: []})}),
    with_(tasks={A: task_config(A, "a", parents={A: []})}),
    with_(tasks={A: task_config(A, "a", parents={B: ["always"]}), B: task_config(B, "b")}),
    with_(tasks={A: task_config(A, "a", {"type": "teleport"})}),
    with_(tasks={A: task_config(A, "a", {"name": "of no type"})}),
    with_(tasks={A: task_config(A, "a", None)}),
    with_(tasks={A: task_config(A, "a", runtime={"arch": "vax"})}),
    with_(tasks={A: task_config(A, "a", docker_registries_auth={"r": {"type": "ticket"}})}),
    with_(environment={"A": 1}),
    with_(setup_errors="none"),
]


@pytest.mark.parametrize("change", CONFIG_FAULTS)
async def test_a_run_config_that_cannot_be_kept_is_refused(change: Change) -> None:
    data_type, document = run_config(ID)
    change(document)
    error = await refusal((data_type, document))
    assert error.metadata == {"entry": "1", "type": "runconfig", "id": ID}
