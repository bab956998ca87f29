"""Tasks from their setup to their end, through real processes."""

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from agola.core.errors import NotExistError
from agola.model.executor import ExecutorTaskPhase
from agola.model.log import LogPart
from agola.model.run import StepPhase
from agola.model.run_config import (
    Container,
    RestoreCacheStep,
    RunStep,
    Runtime,
    SaveCacheStep,
    Step,
    TaskID,
)
from tests.unit.services.executor.runservice import spec, task
from tests.unit.services.executor.workplace import TASK, Workplace, working


def run(command: str, **more: object) -> RunStep:
    return RunStep(name="step", command=command, **more)  # type: ignore[arg-type]


async def test_a_task_runs_its_steps_in_order(workplace: Workplace) -> None:
    status = await workplace.run(spec(run("echo one > file; echo first"), run("cat file")))
    assert status.phase is ExecutorTaskPhase.SUCCESS
    assert status.setup.phase is StepPhase.SUCCESS
    assert [step.phase for step in status.steps] == [StepPhase.SUCCESS] * 2
    assert [step.exit_code for step in status.steps] == [0, 0]
    assert (await workplace.log(0), await workplace.log(1)) == ("first\n", "one\n")
    assert status.start_time
    assert status.end_time
    assert status.steps[0].start_time >= status.start_time  # type: ignore[operator]


async def test_the_first_failing_step_ends_the_task(workplace: Workplace) -> None:
    status = await workplace.run(spec(run("echo x; exit 4"), run("echo never")))
    assert status.phase is ExecutorTaskPhase.FAILED
    assert [step.phase for step in status.steps] == [StepPhase.FAILED, StepPhase.NOT_STARTED]
    assert status.steps[0].exit_code == 4
    with pytest.raises(NotExistError) as caught:
        await workplace.log(1)
    assert caught.value.reason == "LOG_DOES_NOT_EXIST"


async def test_the_signal_of_a_killed_step_is_told(workplace: Workplace) -> None:
    status = await workplace.run(spec(run("kill -SEGV $$")))
    assert (status.steps[0].exit_code, status.steps[0].signal) == (None, "SIGSEGV")


async def test_a_step_that_cannot_start_says_why(workplace: Workplace) -> None:
    status = await workplace.run(spec(run("true", shell="/no/such/shell")))
    assert status.phase is ExecutorTaskPhase.FAILED
    assert "/no/such/shell" in status.failure
    assert "/no/such/shell" in await workplace.log(0)


async def test_the_setup_log_says_what_it_is_and_ignores(workplace: Workplace) -> None:
    runtime = Runtime(containers=(Container(image="golang:1.22"),))
    await workplace.run(spec(run("true"), runtime=runtime))
    log = await workplace.log()
    assert "driver process" in log
    assert "golang:1.22 is ignored" in log
    assert "working directory" in log


async def test_a_pod_that_is_refused_fails_the_setup(workplace: Workplace) -> None:
    runtime = Runtime(containers=(Container(), Container(image="postgres")))
    status = await workplace.run(spec(run("true"), runtime=runtime))
    assert (status.phase, status.setup.phase) == (ExecutorTaskPhase.FAILED, StepPhase.FAILED)
    assert "service containers" in status.failure
    assert "service containers" in await workplace.log()


async def test_the_step_wins_over_the_task_and_the_task_over_the_container(
    workplace: Workplace,
) -> None:
    container = Container(environment={"A": "container", "B": "container", "C": "container"})
    await workplace.run(
        spec(
            run("echo $A $B $C", environment={"A": "step"}),
            environment={"A": "task", "B": "task"},
            runtime=Runtime(containers=(container,)),
        )
    )
    assert await workplace.log(0) == "step task container\n"


async def test_steps_run_in_the_working_directory_or_their_own(workplace: Workplace) -> None:
    await workplace.run(
        spec(
            run("mkdir sub; pwd"),
            run("pwd", working_dir="sub"),
            run("pwd", working_dir="~"),
            working_dir="~/here",
        )
    )
    home = str(workplace.pod() / "home")
    assert await workplace.log(0) == f"{home}/here\n"
    assert await workplace.log(1) == f"{home}/here/sub\n"
    assert await workplace.log(2) == f"{home}\n"


@pytest.mark.parametrize("step", [SaveCacheStep(key="k"), RestoreCacheStep(keys=("k",))])
async def test_caches_fail_with_a_clear_sentence(workplace: Workplace, step: Step) -> None:
    status = await workplace.run(spec(step))
    assert "caches are not supported yet" in status.failure
    assert "caches are not supported yet" in await workplace.log(0)


async def test_a_task_that_takes_too_long_is_ended(workplace: Workplace) -> None:
    status = await workplace.run(spec(run("echo begun; sleep 600"), timeout=timedelta(seconds=0.3)))
    assert (status.phase, status.timed_out) == (ExecutorTaskPhase.FAILED, True)
    assert status.steps[0].phase is StepPhase.FAILED
    assert "longer than 0:00:00.3" in status.failure
    assert await workplace.log(0) == "begun\n"


async def first_bytes(workplace: Workplace, task_id: str = TASK) -> bytes:
    """Wait until a task's first step has written something."""
    log = workplace.reading.read_log(TaskID(task_id), LogPart(0), offset=0, follow=True)
    event = await anext(log)
    await log.aclose()
    return event.data  # type: ignore[union-attr]


async def test_a_task_can_be_stopped_and_tidies_up(workplace: Workplace) -> None:
    steps = spec(run("trap 'echo tidy; exit' TERM; echo up; sleep 600 & wait"), run("true"))
    await workplace.tasks.assign(task(TASK), steps)
    await first_bytes(workplace)
    await workplace.tasks.assign(task(TASK, stop=True), steps)
    status = await workplace.end()
    assert status.phase is ExecutorTaskPhase.STOPPED
    assert [step.phase for step in status.steps] == [StepPhase.STOPPED, StepPhase.NOT_STARTED]
    assert await workplace.log(0) == "up\ntidy\n"


async def test_a_task_that_is_to_stop_before_it_began_is_cancelled(workplace: Workplace) -> None:
    await workplace.tasks.assign(task(TASK, stop=True), spec(run("true")))
    assert (await workplace.end()).phase is ExecutorTaskPhase.CANCELLED
    assert not workplace.pod().exists()


async def test_nothing_of_a_task_is_left_when_its_end_is_told(workplace: Workplace) -> None:
    status = await workplace.run(spec(run("setsid sleep 600 & echo $!")))
    assert status.phase is ExecutorTaskPhase.SUCCESS
    pid = (await workplace.log(0)).strip()
    assert not there(f"/proc/{pid}")


def there(path: str) -> bool:
    return Path(path).exists()


async def test_a_task_that_is_known_never_runs_again(workplace: Workplace) -> None:
    steps = spec(run(f"echo ran >> {workplace.root}/count"))
    await workplace.run(steps)
    await workplace.tasks.assign(task(TASK), steps)
    await workplace.run(spec(run("true")), "task-2")
    assert (workplace.root / "count").read_text() == "ran\n"


async def test_a_task_that_ran_elsewhere_is_told_lost(workplace: Workplace) -> None:
    running = task(TASK, phase=ExecutorTaskPhase.RUNNING, sequence=7)
    await workplace.tasks.assign(running, spec(run("true")))
    status = await workplace.end()
    assert (status.phase, status.sequence) == (ExecutorTaskPhase.FAILED, 8)
    assert "lost" in status.failure


async def test_a_released_task_leaves_nothing_on_the_disk(workplace: Workplace) -> None:
    await workplace.run(spec(run("true")))
    await workplace.tasks.release(TaskID(TASK))
    assert not workplace.folder().exists()
    assert workplace.tasks.find(TaskID(TASK)) is None


async def test_a_running_task_that_is_released_is_stopped_and_forgotten(
    workplace: Workplace,
) -> None:
    await workplace.tasks.assign(task(TASK), spec(run("echo up; sleep 600")))
    await first_bytes(workplace)
    await workplace.tasks.release(TaskID(TASK))
    assert (await workplace.end()).phase is ExecutorTaskPhase.STOPPED
    await asyncio.wait(workplace.tasks._jobs)
    assert not workplace.folder().exists()


async def test_only_the_tasks_that_a_snapshot_names_are_kept(workplace: Workplace) -> None:
    await workplace.run(spec(run("true")), "task-1")
    await workplace.run(spec(run("true")), "task-2")
    await workplace.tasks.keep_only([TaskID("task-2")])
    assert not workplace.folder("task-1").exists()
    assert workplace.folder("task-2").exists()


async def test_no_more_tasks_run_than_there_are_slots(tmp_path: Path) -> None:
    async with working(tmp_path, slots=1) as workplace:
        go = tmp_path / "go"
        first = spec(run(f"echo up; while ! test -e {go}; do sleep 0.01; done"))
        await workplace.tasks.assign(task("task-1"), first)
        await workplace.tasks.assign(task("task-2"), spec(run("echo two")))
        await first_bytes(workplace, "task-1")
        assert not workplace.folder("task-2").exists()
        go.touch()
        assert (await workplace.end("task-2")).phase is ExecutorTaskPhase.SUCCESS


async def test_a_task_id_cannot_lead_out_of_the_directory(workplace: Workplace) -> None:
    await workplace.tasks.assign(task("../evil"), spec(run("true")))
    assert workplace.tasks.find(TaskID("../evil")) is None


async def test_the_record_is_there_before_the_first_process(workplace: Workplace) -> None:
    record = workplace.folder() / "task.json"
    status = await workplace.run(spec(run(f"grep -c running {record}")))
    assert status.phase is ExecutorTaskPhase.SUCCESS


async def test_secrets_of_a_spec_are_not_kept(workplace: Workplace) -> None:
    await workplace.run(spec(run("true"), environment={"TOKEN": "hunter2"}))
    kept = [path for path in workplace.root.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"hunter2" in path.read_bytes()]


async def test_twenty_megabytes_arrive_whole(workplace: Workplace) -> None:
    async with asyncio.timeout(30):
        command = "head -c 20000000 /dev/urandom | tee copy; sha256sum < copy > sum"
        await workplace.tasks.assign(task(TASK), spec(run(command), run("cat sum")))
        data = await workplace.log_bytes(0)
        await workplace.end()
    assert len(data) == 20_000_000
    assert (await workplace.log(1)).split()[0] == hashlib.sha256(data).hexdigest()


async def test_after_a_shutdown_a_running_task_is_reported_failed(tmp_path: Path) -> None:
    async with working(tmp_path) as workplace:
        await workplace.tasks.assign(task(TASK), spec(run("echo up; sleep 600")))
        await first_bytes(workplace)
    async with working(tmp_path) as workplace:
        status = await workplace.end()
        assert status.phase is ExecutorTaskPhase.FAILED
        assert "shut down" in status.failure
        assert await workplace.log(0) == "up\n"


async def test_a_full_disk_fails_the_step_and_not_the_executor(workplace: Workplace) -> None:
    log = workplace.folder() / "logs" / "steps" / "0.log"
    log.parent.mkdir(parents=True)
    log.symlink_to("/dev/full")
    status = await workplace.run(spec(run("echo x; sleep 600")))
    assert (status.phase, status.steps[0].phase) == (ExecutorTaskPhase.FAILED, StepPhase.FAILED)
    assert "the log" in status.failure
    assert (await workplace.run(spec(run("true")), "t2")).phase is ExecutorTaskPhase.SUCCESS
