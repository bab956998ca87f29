"""Clone steps, against repositories on the disk and behind a password."""

import subprocess
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from agola.model.executor import ExecutorTaskPhase
from agola.model.run_config import CloneStep, GitSource, RunStep
from tests.unit.services.executor.runservice import spec
from tests.unit.services.executor.workplace import Workplace

NAME = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")


def git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *NAME, *arguments], cwd=directory, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(directory: Path, name: str) -> str:
    (directory / name).write_text(name)
    git(directory, "add", name)
    git(directory, "commit", "-q", "-m", f"add {name}")
    return git(directory, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "-q", "-b", "master")
    commit(path, "one")
    return path


def run(command: str) -> RunStep:
    return RunStep(name="run", command=command)


def source(repository: Path | str, ref: str, commit: str, **more: str) -> GitSource:
    return GitSource(url=str(repository), ref=ref, commit=commit, **more)


async def test_a_branch_is_checked_out_at_the_commit(
    workplace: Workplace, repository: Path
) -> None:
    two = commit(repository, "two")
    commit(repository, "three")
    look = run("ls; git rev-parse HEAD; git branch --show-current; git status --short")
    where = source(repository, "refs/heads/master", two)
    status = await workplace.run(spec(CloneStep(), look, source=where))
    assert status.phase is ExecutorTaskPhase.SUCCESS
    assert (await workplace.log(1)).split() == ["one", "two", two, "master"]
    assert f"refs/heads/master at {two}" in await workplace.log(0)
    assert "add two" in await workplace.log(0)


async def test_a_shallow_clone_of_a_ref_that_moved_on_still_has_the_commit(
    workplace: Workplace, repository: Path
) -> None:
    two = commit(repository, "two")
    commit(repository, "three")
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    where = source(f"file://{repository}", "master", two)
    count = run("git rev-list --count HEAD")
    status = await workplace.run(spec(CloneStep(depth=1), count, source=where))
    assert status.phase is ExecutorTaskPhase.SUCCESS
    assert await workplace.log(1) == "1\n"


@pytest.mark.parametrize("ref", ["refs/tags/v1", "refs/pull/1/head", ""])
async def test_tags_and_other_refs_are_checked_out_by_commit(
    workplace: Workplace, repository: Path, ref: str
) -> None:
    one = git(repository, "rev-parse", "HEAD")
    git(repository, "update-ref", ref or "refs/heads/other", one)
    look = run("git rev-parse HEAD; git branch --show-current")
    status = await workplace.run(spec(CloneStep(), look, source=source(repository, ref, one)))
    assert status.phase is ExecutorTaskPhase.SUCCESS
    assert await workplace.log(1) == f"{one}\n"


async def test_a_commit_that_is_not_there_fails_with_a_sentence(
    workplace: Workplace, repository: Path
) -> None:
    where = source(repository, "refs/heads/master", "0" * 40)
    status = await workplace.run(spec(CloneStep(), source=where))
    assert status.phase is ExecutorTaskPhase.FAILED
    assert "git fetch failed" in status.failure


@pytest.mark.parametrize("bad", ["--upload-pack=touch /tmp/x", "master", ""])
async def test_what_is_no_commit_is_refused(
    workplace: Workplace, repository: Path, bad: str
) -> None:
    where = source(repository, "refs/heads/master", bad)
    status = await workplace.run(spec(CloneStep(), source=where))
    assert "is no commit" in status.failure


async def test_without_a_source_there_is_nothing_to_clone(workplace: Workplace) -> None:
    assert "nothing to clone" in (await workplace.run(spec(CloneStep()))).failure


async def test_a_second_clone_into_the_same_directory_is_refused(
    workplace: Workplace, repository: Path
) -> None:
    one = git(repository, "rev-parse", "HEAD")
    where = source(repository, "refs/heads/master", one)
    status = await workplace.run(spec(CloneStep(), CloneStep(), source=where))
    assert "repository already" in status.failure


@asynccontextmanager
async def guarded(repository: Path) -> AsyncGenerator[str, None]:
    """Serve a repository over the dumb protocol to those who know the password."""
    git(repository, "update-server-info")

    async def serve(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Basic {b64encode(b'clone:secret-1').decode()}":
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        path = repository / ".git" / request.match_info["path"]
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)

    application = web.Application()
    application.router.add_get("/r.git/{path:.*}", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/r.git"
    finally:
        await runner.cleanup()


async def test_the_credential_lets_git_in_and_stays_with_it(
    workplace: Workplace, repository: Path
) -> None:
    one = git(repository, "rev-parse", "HEAD")
    async with guarded(repository) as url:
        user = url.replace("http://", "http://clone:secret-1@")
        where = source(user, "refs/heads/master", one, username="clone", password="secret-1")
        look = run("env; git config --list; cat one; grep -r secret-1 .git || echo clean")
        status = await workplace.run(spec(CloneStep(), look, source=where))
    logs = await workplace.log(0) + await workplace.log(1)
    assert status.phase is ExecutorTaskPhase.SUCCESS
    assert "secret-1" not in logs
    assert logs.endswith("clean\n")


async def test_without_the_credential_git_fails_and_asks_nobody(
    workplace: Workplace, repository: Path
) -> None:
    one = git(repository, "rev-parse", "HEAD")
    async with guarded(repository) as url:
        status = await workplace.run(
            spec(CloneStep(), source=source(url, "refs/heads/master", one))
        )
    assert status.phase is ExecutorTaskPhase.FAILED
    assert "git fetch failed" in status.failure


async def test_an_executor_without_git_says_so(
    workplace: Workplace, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = source(repository, "refs/heads/master", git(repository, "rev-parse", "HEAD"))
    monkeypatch.setenv("PATH", "/nowhere")
    status = await workplace.run(spec(CloneStep(), source=where))
    assert status.failure == "git is not installed on the executor"
