"""Whatever a user gets wrong: one clear sentence, an exit code, never a traceback."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.test_runs import one_task
from tests.testbed.installation import EMPTY, Installation, git, repository

NOWHERE = "127.0.0.1:1"


def complaint(
    one: Installation, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] = EMPTY
) -> str:
    """Run a command that has to fail, and give its only line of complaint."""
    done = one.agola(*arguments, cwd=cwd, env=env)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("agola"), done.stderr
    return lines[-1]


def test_an_unknown_flag(shared: Installation) -> None:
    assert "--wach" in complaint(shared, "directrun", "start", "--wach")


def test_an_unknown_command(shared: Installation) -> None:
    assert "explode" in complaint(shared, "run", "explode")


def test_an_unreachable_server(shared: Installation) -> None:
    assert NOWHERE in complaint(shared, "run", "list", env={"AGOLA_GATEWAY_URL": NOWHERE})
    assert shared.agola("run", "list", env={"AGOLA_GATEWAY_URL": NOWHERE}).returncode == 5


def test_a_wrong_token(shared: Installation) -> None:
    for token in ("agola_wrong", "ünsinn"):
        assert "TOKEN_INVALID" in complaint(shared, "run", "list", env={"AGOLA_TOKEN": token})


def test_no_token_at_all(shared: Installation) -> None:
    assert "agola login" in complaint(shared, "run", "list", env={"AGOLA_TOKEN": ""})


def test_no_git_repository(shared: Installation, tmp_path: Path) -> None:
    assert "git repository" in complaint(shared, "directrun", "start", cwd=tmp_path)


def test_no_definition(shared: Installation, tmp_path: Path) -> None:
    path = repository(tmp_path / "tree", "")
    git("rm", "--quiet", "-r", ".agola", cwd=path)
    assert ".agola/config" in complaint(shared, "directrun", "start", cwd=path)


def test_an_empty_repository_runs_what_is_in_its_tree(shared: Installation, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.mkdir()
    git("init", "--quiet", "--initial-branch", "main", cwd=path)
    assert ".agola/config" in complaint(shared, "directrun", "start", cwd=path)
    (path / ".agola").mkdir()
    (path / ".agola" / "config.yml").write_text(one_task("echo from nothing"))
    done = shared.agola("directrun", "start", "--watch", cwd=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "from nothing" in done.stdout


def test_a_detached_head(shared: Installation, tmp_path: Path) -> None:
    path = repository(tmp_path / "tree", one_task("echo detached"))
    git("checkout", "--quiet", "--detach", cwd=path)
    done = shared.agola("directrun", "start", "--watch", cwd=path)
    assert "Traceback" not in done.stderr
    if done.returncode != 0:
        assert "--branch" in done.stderr


def test_a_hundred_megabytes_of_untracked_files(shared: Installation, tmp_path: Path) -> None:
    path = repository(tmp_path / "tree", one_task("wc -c < big"))
    (path / "big").write_bytes(b"\0" * 100_000_000)
    done = shared.agola("directrun", "start", "--watch", cwd=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100000000" in done.stdout
    assert "100 MB" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--components", "gateway,toaster"], "toaster"),
        (["--config", "/nowhere.yml"], "/nowhere.yml"),
        (["--listen", "localhost"], "host:port"),
        (["--listen", "192.0.2.1:8000"], "192.0.2.1:800"),
    ],
)
def test_a_server_that_cannot_start(
    shared: Installation, tmp_path: Path, arguments: list[str], word: str
) -> None:
    assert word in complaint(shared, "serve", "--data-dir", str(tmp_path / "data"), *arguments)


def test_a_mistake_in_the_configuration(shared: Installation, tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text("executor: {slots: many}\n")
    assert "$.executor.slots" in complaint(shared, "serve", "--config", str(config))


def test_a_run_that_does_not_exist(shared: Installation) -> None:
    for name in ("999999", "0123", "no-such-run", "-1", "'"):
        done = shared.agola("run", "get", "--", name)
        assert done.returncode in {2, 4}
        assert len(done.stderr.splitlines()) == 1, done.stderr
