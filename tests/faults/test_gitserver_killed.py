"""A gitserver that is killed while somebody pushes."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.services.gitserver.conftest import PATH, GitClient, make_work_tree

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.unit.services.gitserver.conftest import authenticate, serving_gitserver

async def main():
    async with serving_gitserver(Path(sys.argv[1]), authenticate) as served:
        print(served.address, flush=True)
        await served.transport.fed.wait()
        print("fed", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def serving(root: Path) -> AsyncGenerator[tuple[Process, str], None]:
    """Serve in a process of its own, which is killed at the end.  Gives it and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(root), cwd=ROOT, stdout=PIPE
    )
    try:
        assert process.stdout
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
async def work_tree(tmp_path: Path) -> GitClient:
    return await make_work_tree(tmp_path / "work")


async def test_a_push_that_was_accepted_is_still_there(
    tmp_path: Path, work_tree: GitClient
) -> None:
    async with serving(tmp_path / "data") as (process, address):
        url = f"http://x:alices-token@{address}/{PATH}.git"
        await work_tree.ok("push", url, "HEAD:refs/heads/main")
        process.kill()
        await process.wait()
    async with serving(tmp_path / "data") as (_, address):
        url = f"http://x:alices-token@{address}/{PATH}.git"
        await work_tree.ok("clone", "--quiet", url, tmp_path / "clone")
    sha = await work_tree.ok("rev-parse", "HEAD")
    assert await GitClient(tmp_path / "clone").ok("rev-parse", "HEAD") == sha


async def test_a_push_that_was_cut_off_can_be_repeated(
    tmp_path: Path, work_tree: GitClient
) -> None:
    sha = await work_tree.commit("large", os.urandom(900_000))
    async with serving(tmp_path / "data") as (process, address):
        url = f"http://x:alices-token@{address}/{PATH}.git"
        push = asyncio.create_task(work_tree("push", url, "HEAD:refs/heads/main"))
        assert process.stdout
        assert await process.stdout.readline() == b"fed\n"
        process.kill()
        await push
    async with serving(tmp_path / "data") as (_, address):
        url = f"http://x:alices-token@{address}/{PATH}.git"
        listed = await work_tree.ok("ls-remote", "--heads", url)
        assert listed in {"", f"{sha}\trefs/heads/main"}  # before, or after: nothing between
        await work_tree.ok("push", url, "HEAD:refs/heads/main")
    await work_tree.ok("--git-dir", tmp_path / "data" / "repositories" / f"{PATH}.git", "fsck")
