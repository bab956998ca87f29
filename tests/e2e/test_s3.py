"""An installation whose objects are in S3."""

import shutil
from pathlib import Path

import msgspec
import pytest

from agola.config.model import S3Objects
from tests.e2e.test_runs import ended, one_task, started
from tests.testbed.installation import installation, repository

pytest_plugins = ["tests.testbed.s3"]


@pytest.fixture
def configuration(tmp_path: Path, s3_objects: S3Objects) -> Path:
    file = tmp_path / "config.yml"
    file.write_bytes(msgspec.yaml.encode({"objects": s3_objects}))
    return file


def test_what_s3_has_is_enough_when_a_service_lost_its_disk(
    tmp_path: Path, configuration: Path
) -> None:
    path = repository(tmp_path / "tree", one_task("echo kept"))
    with installation(tmp_path, "--config", str(configuration)) as own:
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
