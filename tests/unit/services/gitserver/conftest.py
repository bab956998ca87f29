"""A gitserver over real sockets, and a real git client."""

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agola.core.errors import UnauthorizedError
from agola.model.repository import RepositoryPath
from agola.services.gitserver.actions.clone_credential import CloneCredential
from agola.services.gitserver.actions.transport import TransportActions
from agola.services.gitserver.http import serving_http
from agola.services.gitserver.ports import Authenticate, PackService, Respond
from agola.services.gitserver.store.git import Git
from agola.services.gitserver.store.repositories import DiskRepositories
from agola.services.gitserver.store.transport import GitTransport

ALICE = "11111111-1111-4111-8111-111111111111"
BOB = "22222222-2222-4222-8222-222222222222"
TOKENS = {"alices-token": ALICE, "bobs-token": BOB}
PATH = RepositoryPath(ALICE, "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
CLONE_CREDENTIAL = CloneCredential("the-internal-token")
MAX_PUSH_BYTES = 1024**2


async def authenticate(token: str) -> str:
    if token not in TOKENS:
        raise UnauthorizedError("the token is not valid", reason="TOKEN_INVALID")
    return TOKENS[token]


@dataclass(frozen=True)
class GitResult:
    code: int
    output: str
    errors: str


class GitClient:
    """A work tree with one commit, and git with a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def __call__(self, *arguments: str | Path) -> GitResult:
        process = await self.start(*arguments)
        output, errors = await process.communicate()
        return GitResult(process.returncode or 0, output.decode().strip(), errors.decode())

    async def start(self, *arguments: str | Path, stdin: int = DEVNULL) -> Process:
        return await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=self.folder,
            stdin=stdin,
            stdout=PIPE,
            stderr=PIPE,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
                "LC_ALL": "C",
            },
        )

    async def ok(self, *arguments: str | Path) -> str:
        result = await self(*arguments)
        assert result.code == 0, result.errors
        return result.output

    async def packed(self, sha: str) -> bytes:
        """Give a pack of everything that *sha* needs."""
        process = await self.start("pack-objects", "--revs", "--stdout", stdin=PIPE)
        output, _ = await process.communicate(sha.encode())
        return output

    async def commit(self, name: str, content: bytes = b"content\n") -> str:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)
        await self.ok("add", "--all")
        await self.ok("commit", "--quiet", "--message", f"Add {name}")
        return await self.ok("rev-parse", "HEAD")


async def make_work_tree(folder: Path) -> GitClient:
    """Make a work tree with one commit in *folder*."""
    folder.mkdir()  # noqa: ASYNC240 (nobody else waits)
    client = GitClient(folder)
    await client.ok("init", "--quiet", "--initial-branch=main")
    await client.ok("config", "user.name", "Älice")
    await client.ok("config", "user.email", "alice@example.org")
    await client.commit("README")
    return client


@pytest.fixture
async def work_tree(tmp_path: Path) -> GitClient:
    return await make_work_tree(tmp_path / "work")


class ObservedTransport(GitTransport):
    """Says how far the last exchange is."""

    def __init__(self, git: Git, repositories: DiskRepositories) -> None:
        super().__init__(git, repositories)
        self.fed = asyncio.Event()
        """Git has taken a piece of the request."""
        self.ended = asyncio.Event()

    async def exchange(
        self,
        path: RepositoryPath,
        service: PackService,
        request: AsyncIterable[bytes],
        respond: Respond,
        *,
        protocol: str,
    ) -> None:
        async def observed() -> AsyncGenerator[bytes, None]:
            async for piece in request:
                yield piece
                self.fed.set()

        try:
            await super().exchange(path, service, observed(), respond, protocol=protocol)
        finally:
            self.ended.set()


@dataclass(frozen=True)
class Served:
    """Where the gitserver is, and what it has on its disk."""

    address: str
    root: Path
    repositories: DiskRepositories
    actions: TransportActions
    transport: ObservedTransport

    def url(self, password: str, path: RepositoryPath = PATH, *, user: str = "x") -> str:
        return f"http://{user}:{password}@{self.address}/{path}.git"


@asynccontextmanager
async def serving_gitserver(root: Path, users: Authenticate) -> AsyncGenerator[Served, None]:
    git = Git(max_push_bytes=MAX_PUSH_BYTES)
    repositories = DiskRepositories(root, git)
    await repositories.prepare()
    transport = ObservedTransport(git, repositories)
    actions = TransportActions(
        repositories,
        transport,
        users,
        clone_credential=CLONE_CREDENTIAL,
        max_push_bytes=MAX_PUSH_BYTES,
    )
    async with serving_http(actions, "127.0.0.1:0") as address:
        yield Served(address, root, repositories, actions, transport)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Served, None]:
    async with serving_gitserver(tmp_path / "gitserver", authenticate) as opened:
        yield opened
