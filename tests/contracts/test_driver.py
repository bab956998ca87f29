"""What every driver promises."""

import asyncio
import os
import tarfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from agola.core.errors import AgolaError, ExhaustedError, PreconditionError
from agola.model.executor import ExecutorID
from agola.model.run_config import Container, TaskID
from agola.services.executor.drivers.process import ProcessDriver
from agola.services.executor.ports.driver import (
    Command,
    Driver,
    Exit,
    FileEntry,
    FileKind,
    Member,
    Pod,
    PodSpec,
)

EXECUTOR = ExecutorID(f"executor-{uuid4()}")
"""Of this session alone: what bears it is killed as left behind, also what another session made."""
TASK = TaskID("3b1e-task")


@asynccontextmanager
async def process_driver(root: Path) -> AsyncGenerator[Driver, None]:
    driver = ProcessDriver(root, executor_id=EXECUTOR, grace=timedelta(seconds=0.2))
    try:
        yield driver
    finally:
        await driver.close()


@pytest.fixture(params=[process_driver])
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Driver, None]:
    opened: AbstractAsyncContextManager[Driver] = request.param(tmp_path / "pods")
    async with opened as made:
        yield made


@pytest.fixture
async def pod(driver: Driver) -> Pod:
    return await driver.create(PodSpec(task_id=TASK))


async def run(pod: Pod, script: str, **more: object) -> tuple[Exit, str]:
    pieces: list[bytes] = []
    command = Command(argv=("/bin/sh", "-e"), script=script + "\n", **more)  # type: ignore[arg-type]
    ended = await pod.execute(command, pieces.append)
    return ended, b"".join(pieces).decode()


def ignore(_: bytes) -> None:
    """Take output that no test looks at."""


def alive(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("tty", [False, True])
async def test_output_and_errors_come_in_one_stream_byte_for_byte(pod: Pod, *, tty: bool) -> None:
    ended, output = await run(pod, "printf 'a\\n\\tb\\n'; echo c >&2; printf '\\303\\251'", tty=tty)
    assert (ended, output) == (Exit(code=0), "a\n\tb\nc\né")


@pytest.mark.parametrize("tty", [False, True])
async def test_a_command_sees_a_terminal_only_if_it_asked_for_one(pod: Pod, *, tty: bool) -> None:
    _, output = await run(pod, "test -t 1 && stty size <&1 || echo none", tty=tty)
    assert output.strip() == ("24 80" if tty else "none")


async def test_standard_input_is_empty(pod: Pod) -> None:
    assert await run(pod, "cat; echo end", tty=True) == (Exit(code=0), "end\n")


async def test_the_exit_code_is_told(pod: Pod) -> None:
    ended, _ = await run(pod, "exit 7")
    assert ended == Exit(code=7)


async def test_the_first_failing_command_of_a_script_decides(pod: Pod) -> None:
    ended, output = await run(pod, "false\necho never")
    assert (ended, output) == (Exit(code=1), "")


async def test_the_signal_that_ended_a_command_is_told(pod: Pod) -> None:
    ended, _ = await run(pod, "kill -KILL $$")
    assert ended == Exit(signal="SIGKILL")


async def test_a_command_that_is_not_there_is_an_error_that_names_it(pod: Pod) -> None:
    with pytest.raises(PreconditionError, match="/no/such/shell") as caught:
        await pod.execute(Command(argv=("/no/such/shell",)), ignore)
    assert caught.value.reason == "COMMAND_CANNOT_START"


async def test_a_directory_that_is_not_there_is_an_error_that_names_it(pod: Pod) -> None:
    with pytest.raises(PreconditionError, match="no/such/directory"):
        await run(pod, "true", directory="~/no/such/directory")


async def test_nothing_of_the_executors_environment_leaks(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGOLA_ADMIN_TOKEN", "secret")
    _, output = await run(pod, "env", environment={"COLOUR": "blue", "LANG": "de"})
    found = dict(line.split("=", 1) for line in output.splitlines())
    assert found["COLOUR"] == "blue"
    assert found["LANG"] == "de"
    base = {"PATH", "HOME", "USER", "LANG", "TERM", "PAGER", "TMPDIR", "COLOUR"}
    by_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert set(found) - by_shell == base | {"AGOLA_TASK_ID", "AGOLA_EXECUTOR_ID"}


async def test_no_descriptor_of_the_executor_leaks(pod: Pod) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)  # noqa: FBT003 (the library's signature)
    _, output = await run(pod, "ls /proc/self/fd")
    os.close(reader)
    os.close(writer)
    assert set(output.split()) <= {"0", "1", "2", "3"}  # 3 is the directory that ls reads


async def test_a_large_environment_arrives_whole(pod: Pod) -> None:
    large = {f"V{n}": "x" * 100_000 for n in range(10)}
    _, output = await run(pod, "echo ${#V0} ${#V9}", environment=large)
    assert output == "100000 100000\n"


async def test_only_the_user_may_read_a_script(pod: Pod) -> None:
    _, output = await run(pod, "stat -c %a $0")
    assert output == "600\n"


async def test_home_and_temporary_files_are_the_pods_own(driver: Driver, pod: Pod) -> None:
    other = await driver.create(PodSpec(task_id=TaskID("other")))
    await run(pod, "echo mine > ~/file; echo mine > $TMPDIR/file")
    _, output = await run(other, "ls ~ $TMPDIR | grep -cx file || true")
    assert output == "0\n"


async def test_paths_are_resolved_at_home(pod: Pod) -> None:
    home = pod.resolve("~")
    assert pod.resolve("~/project") == f"{home}/project"
    assert pod.resolve("sub/../other", base="~/project") == f"{home}/project/other"
    assert pod.resolve("/tmp/x", base="~/project") == "/tmp/x"
    _, output = await run(pod, "cd ~ && pwd")
    assert output.strip() == home


async def test_a_step_does_not_wait_for_what_it_leaves_behind(pod: Pod) -> None:
    _, output = await run(pod, "sleep 600 &\necho $!")
    assert alive(int(output))
    await pod.remove()
    assert not alive(int(output))


async def test_what_is_left_behind_may_serve_the_next_step(pod: Pod) -> None:
    await run(pod, "mkfifo ~/in ~/out; (read x < ~/in; echo noise; echo got $x > ~/out) &")
    ended, output = await run(pod, "echo hello > ~/in; cat ~/out")
    assert (ended.code, output) == (0, "got hello\n")


async def test_everything_that_a_command_wrote_arrives_before_its_exit(pod: Pod) -> None:
    for tty in (False, True):
        _, output = await run(pod, "sleep 600 & head -c 60000 /dev/zero", tty=tty)
        assert len(output) == 60000


ESCAPES = [
    "sleep 600",
    "setsid sleep 600",
    "setsid sh -c '(sleep 600 &) ; exit 0'",
    "env -i setsid sleep 600",
    "trap '' TERM HUP INT; sleep 600",
]


@pytest.mark.parametrize("escape", ESCAPES)
async def test_nothing_gets_away(pod: Pod, escape: str) -> None:
    mark = "600." + str(os.getpid())
    script = f"({escape.replace('600', mark)}) &\necho started"
    assert (await run(pod, script))[1] == "started\n"
    await pod.remove()
    assert not running_with(mark)


def running_with(word: str) -> list[str]:
    lines = [contents(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    return [line for line in lines if word in line]


def contents(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def there(path: str) -> bool:
    return Path(path).exists()


async def test_stopping_is_polite_at_first(pod: Pod) -> None:
    started = asyncio.Event()
    pieces: list[bytes] = []

    def output(data: bytes) -> None:
        pieces.append(data)
        started.set()

    script = "trap 'echo tidy; exit 3' TERM\necho up\nwhile :; do sleep 0.01; done\n"
    running = asyncio.create_task(pod.execute(Command(argv=("/bin/sh",), script=script), output))
    await started.wait()
    await pod.stop()
    assert await running == Exit(code=3)
    assert b"".join(pieces).endswith(b"tidy\n")


async def test_stopping_is_by_force_in_the_end(pod: Pod) -> None:
    started = asyncio.Event()
    script = "trap '' TERM\necho up\nwhile :; do sleep 0.01; done\n"
    running = asyncio.create_task(
        pod.execute(Command(argv=("/bin/sh",), script=script), lambda _: started.set())
    )
    await started.wait()
    await pod.stop()
    assert await running == Exit(signal="SIGKILL")


async def test_cancelling_a_command_stops_the_pod(pod: Pod) -> None:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    command = Command(argv=("/bin/sh",), script="sleep 600 & echo $!; wait\n")
    running = asyncio.create_task(pod.execute(command, lambda data: started.set_result(int(data))))
    pid = await started
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(pid)


async def test_what_the_output_raises_ends_the_command(pod: Pod) -> None:
    def output(_: bytes) -> None:
        raise ExhaustedError("the disk is full", reason="LOG_WRITE_FAILED")

    with pytest.raises(ExhaustedError):
        await pod.execute(Command(argv=("/bin/sh",), script="echo x; sleep 600\n"), output)


async def test_a_pod_that_lost_its_keeper_says_so_and_is_still_emptied(pod: Pod) -> None:
    pieces: list[bytes] = []
    script = "sleep 600 & echo $!\nkill -9 $PPID\nwait\n"
    with pytest.raises(AgolaError) as caught:
        await pod.execute(Command(argv=("/bin/sh",), script=script), pieces.append)
    assert caught.value.reason == "POD_LOST"
    await pod.remove()
    assert not alive(int(b"".join(pieces)))


async def test_removing_deletes_the_files_even_where_they_forbid_it(pod: Pod) -> None:
    await run(pod, "mkdir -p ~/ro/dir; touch ~/ro/dir/file; chmod -R a-w ~/ro")
    home = pod.resolve("~")
    await pod.remove()
    await pod.remove()
    assert not there(home)


async def test_pods_of_an_earlier_life_are_removed(tmp_path: Path) -> None:
    root = tmp_path / "pods"
    root.joinpath(TASK, "home").mkdir(parents=True)
    stray = await asyncio.create_subprocess_exec(
        "sleep", "600", env={"AGOLA_EXECUTOR_ID": EXECUTOR}, start_new_session=True
    )
    bystander = await asyncio.create_subprocess_exec(
        "sleep", "600", env={"AGOLA_EXECUTOR_ID": "another"}, start_new_session=True
    )
    async with process_driver(root) as driver:
        assert await driver.remove_leftovers() == [TASK]
    assert await stray.wait() == -9
    assert bystander.returncode is None
    bystander.kill()
    await bystander.wait()
    assert not root.joinpath(TASK).exists()


async def test_what_a_driver_cannot_do_it_says_or_refuses(driver: Driver) -> None:
    one = await driver.create(PodSpec(task_id=TASK, containers=(Container(image="alpine"),)))
    assert any("alpine" in sentence for sentence in one.description)
    spec = PodSpec(task_id=TaskID("two"), containers=(Container(), Container(image="postgres")))
    with pytest.raises(PreconditionError) as caught:
        await driver.create(spec)
    assert caught.value.reason == "POD_REFUSED"


async def test_files_are_found_without_following_links(pod: Pod) -> None:
    await run(pod, "mkdir -p ~/d/sub; echo x > ~/d/sub/f; ln -s / ~/d/link; mkfifo ~/d/pipe")
    assert list(await pod.find("~/d")) == [
        FileEntry("link", FileKind.SYMLINK),
        FileEntry("sub", FileKind.DIRECTORY),
        FileEntry("sub/f", FileKind.FILE),
    ]
    with pytest.raises(PreconditionError) as caught:
        await pod.find("~/none")
    assert caught.value.reason == "DIRECTORY_DOES_NOT_EXIST"


def members(pod: Pod, names: Sequence[str]) -> list[Member]:
    return [Member(pod.resolve(f"~/{name}"), name) for name in names]


async def test_what_is_packed_can_be_unpacked(pod: Pod, tmp_path: Path) -> None:
    await run(
        pod,
        "mkdir -m 750 ~/d; echo x > ~/d/f; chmod 755 ~/d/f; touch -d @1000 ~/d/f\n"
        "ln -s f ~/d/link; ln ~/d/f ~/d/hard",
    )
    archive = tmp_path / "a.tar"
    await pod.pack(members(pod, ["d", "d/f", "d/link", "d/hard"]), archive)
    await pod.unpack(archive, "~/new")
    _, output = await run(pod, "cd ~/new/d; stat -c '%a %Y' . f; readlink link; cat hard")
    assert output.splitlines()[0].startswith("750 ")
    assert output.splitlines()[1:] == ["755 1000", "f", "x"]


async def test_directories_merge_and_files_are_not_overwritten(pod: Pod, tmp_path: Path) -> None:
    await run(pod, "mkdir -p ~/d ~/new/d; echo x > ~/d/f; echo y > ~/new/d/g")
    archive = tmp_path / "a.tar"
    await pod.pack(members(pod, ["d", "d/f"]), archive)
    await pod.unpack(archive, "~/new")
    assert (await run(pod, "cat ~/new/d/f ~/new/d/g"))[1] == "x\ny\n"
    with pytest.raises(PreconditionError, match="d/f exists already"):
        await pod.unpack(archive, "~/new")


def crafted(path: Path, infos: Sequence[tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w") as tar:
        for info in infos:
            tar.addfile(info)
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "infos",
    [
        [tarfile.TarInfo("../out")],
        [tarfile.TarInfo("a/../../out")],
        [tarfile.TarInfo("/out")],
        [link("dir", ".."), tarfile.TarInfo("dir/out")],
        [link("hard", "../out", tarfile.LNKTYPE)],
    ],
)
async def test_nothing_is_unpacked_outside(
    pod: Pod, tmp_path: Path, infos: list[tarfile.TarInfo]
) -> None:
    with pytest.raises(PreconditionError) as caught:
        await pod.unpack(crafted(tmp_path / "bad.tar", infos), "~/new")
    assert caught.value.reason == "ARCHIVE_REFUSED"
    assert not there(pod.resolve("~/out"))


async def test_a_directory_of_the_executors_ends_up_in_the_pod(pod: Pod) -> None:
    async with pod.directory("~/project") as directory:
        directory.joinpath("file").write_text("x")
    assert (await run(pod, "cat ~/project/file"))[1] == "x"
