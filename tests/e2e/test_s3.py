"""An installation whose objects are in S3."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import msgspec

from agola.config.model import S3Objects
from tests.e2e.test_runs import ended, one_task, started
from tests.testbed.faulty_s3 import FaultyS3
from tests.testbed.installation import Installation, installation, repository

pytest_plugins = ["tests.testbed.s3"]

T = TypeVar("T")


def configured(folder: Path, objects: S3Objects) -> str:
    file = folder / "config.yml"
    file.write_bytes(msgspec.yaml.encode({"objects": objects}))
    return str(file)


@contextmanager
def beside(server: S3Objects) -> Iterator[tuple[FaultyS3, Callable[[Coroutine[Any, Any, T]], T]]]:
    """Run a proxy before *server* in a loop of its own, and give what does something there."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def there(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    proxy = FaultyS3.before(server)
    there(proxy.accept())
    try:
        yield proxy, there
    finally:
        there(proxy.refuse())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def task_of(one: Installation, run_id: str) -> dict[str, Any]:
    (task,) = json.loads(one.agola("run", "get", run_id, "-o", "json").stdout)["tasks"]
    return dict(task)


def test_what_s3_has_is_enough_when_a_service_lost_its_disk(
    tmp_path: Path, s3_objects: S3Objects
) -> None:
    path = repository(tmp_path / "tree", one_task("echo kept"))
    with installation(tmp_path, "--config", configured(tmp_path, s3_objects)) as own:
        run = started(own, path)
        before = ended(own, run["id"])
        assert before["run"]["result"] == "success"
        assert own.stop() == 0
        for component in ("configstore", "runservice"):
            shutil.rmtree(own.data_dir / component)
        token = own.token
        own.start()
        assert own.token == token
        assert ended(own, run["id"]) == before
        log = own.agola("run", "logs", run["id"], "--task", "task", "--step", "1")
        assert (log.returncode, log.stdout) == (0, "kept\n"), log.stderr
        following = started(own, path)
        assert following["counter"] == run["counter"] + 1
        assert ended(own, following["id"])["run"]["result"] == "success"


def test_the_log_of_a_run_that_ended_in_an_outage_is_stored_after_it(
    tmp_path: Path, s3_objects: S3Objects
) -> None:
    pipe = tmp_path / "fifo"
    os.mkfifo(pipe)
    path = repository(tmp_path / "tree", one_task(f"read line < {pipe}; echo $line"))
    with beside(s3_objects) as (proxy, there):
        config = configured(tmp_path, proxy.objects(s3_objects))
        with installation(tmp_path, "--config", config) as own:
            run = started(own, path)
            with pipe.open("w") as step:
                there(proxy.refuse())
                step.write("kept\n")
            while task_of(own, run["id"])["status"] != "success":
                pass
            there(proxy.accept())
            assert ended(own, run["id"])["run"]["result"] == "success"
            own.kill()
            shutil.rmtree(own.data_dir / "executor")
            own.start()
            log = own.agola("run", "logs", run["id"], "--task", "task", "--step", "1")
            assert (log.returncode, log.stdout) == (0, "kept\n"), log.stderr
