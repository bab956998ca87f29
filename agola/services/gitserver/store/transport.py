"""Git clients talk to git itself: its processes, with a pipe in each direction."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import AbstractAsyncContextManager, nullcontext
from weakref import WeakValueDictionary

from agola.model.repository import RepositoryPath
from agola.services.gitserver.ports import PackService, Respond
from agola.services.gitserver.store.git import Git, Running, failed
from agola.services.gitserver.store.repositories import DiskRepositories

logger = logging.getLogger(__name__)

PIECE_BYTES = 64 * 1024
FLUSH = b"0000"


class GitTransport:
    """`Transport` by `git upload-pack` and `git receive-pack`.

    Pushes to one repository take turns: newer versions of git refuse one of two that bring the same
    objects at the same moment ("unable to migrate objects to permanent storage", seen with 2.47).
    """

    def __init__(self, git: Git, repositories: DiskRepositories) -> None:
        self._git = git
        self._repositories = repositories
        self._turns: WeakValueDictionary[RepositoryPath, asyncio.Lock] = WeakValueDictionary()

    async def advertise(
        self, path: RepositoryPath, service: PackService, respond: Respond, *, protocol: str
    ) -> None:
        # the newer protocols speak for themselves
        head = b"" if protocol else _packet(f"# service={service.value}\n") + FLUSH
        async with self._running(path, service, "--advertise-refs", protocol=protocol) as running:
            await _pump(running, _nothing(), _headed(head, respond))

    async def exchange(
        self,
        path: RepositoryPath,
        service: PackService,
        request: AsyncIterable[bytes],
        respond: Respond,
        *,
        protocol: str,
    ) -> None:
        turn = self._turn(path) if service is PackService.PUSH else nullcontext()
        async with turn, self._running(path, service, protocol=protocol) as running:
            await _pump(running, request, respond)

    def _turn(self, path: RepositoryPath) -> asyncio.Lock:
        """Give the lock of a repository, which is forgotten with its last holder."""
        turn = self._turns.get(path)
        if turn is None:
            turn = self._turns[path] = asyncio.Lock()
        return turn

    def _running(
        self, path: RepositoryPath, service: PackService, *options: str, protocol: str
    ) -> AbstractAsyncContextManager[Running]:
        return self._git.running(
            service.value.removeprefix("git-"),
            "--stateless-rpc",
            *options,
            self._repositories.folder(path),
            protocol=protocol,
            tidies=service is PackService.PUSH,
        )


async def _pump(running: Running, request: AsyncIterable[bytes], respond: Respond) -> None:
    """Move bytes in both directions until git is done."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_feed(running.stdin, request))
            complaints = group.create_task(running.complaints())
            answered = group.create_task(_forward(running.stdout, respond))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None  # the first one cancelled the others
    if await running.process.wait():
        # an answer that breaks off says so itself: the protocol has lengths and checksums
        if not answered.result():
            raise failed(complaints.result())
        logger.warning("git failed: %s", complaints.result().decode(errors="replace").strip())


async def _feed(stdin: asyncio.StreamWriter, request: AsyncIterable[bytes]) -> None:
    """Give git the request.  What it does not want to read is read here: clients expect that."""
    wanted = True
    async for piece in request:
        if wanted:
            try:
                stdin.write(piece)
                await stdin.drain()
            except ConnectionError:
                wanted = False
    stdin.close()


async def _forward(stdout: asyncio.StreamReader, respond: Respond) -> bool:
    answered = False
    while piece := await stdout.read(PIECE_BYTES):
        answered = True
        await respond(piece)
    return answered


def _headed(head: bytes, respond: Respond) -> Respond:
    """Put *head* before the first bytes: an answer that never comes has none either."""
    rest = [head]

    async def headed(data: bytes) -> None:
        await respond(rest.pop() + data if rest else data)

    return headed


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""


def _packet(text: str) -> bytes:
    """Give a line in git's own framing: four hexadecimal digits of length, then the text."""
    return f"{len(text) + 4:04x}{text}".encode()
