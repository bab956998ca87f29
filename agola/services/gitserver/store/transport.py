"""Git clients talk to git itself: its processes, with a pipe in each direction."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable

from agola.model.repository import RepositoryPath
from agola.services.gitserver.ports import PackService, Respond
from agola.services.gitserver.store.git import Git, Running, failed
from agola.services.gitserver.store.repositories import DiskRepositories

logger = logging.getLogger(__name__)

PIECE_BYTES = 64 * 1024
FLUSH = b"0000"


class GitTransport:
    """`Transport` by `git upload-pack` and `git receive-pack`."""

    def __init__(self, git: Git, repositories: DiskRepositories) -> None:
        self._git = git
        self._repositories = repositories

    async def advertise(
        self, path: RepositoryPath, service: PackService, respond: Respond, *, protocol: str
    ) -> None:
        if not protocol:  # the newer protocols speak for themselves
            await respond(_packet(f"# service={service.value}\n") + FLUSH)
        await self._converse(path, service, ["--advertise-refs"], _nothing(), respond, protocol)

    async def exchange(
        self,
        path: RepositoryPath,
        service: PackService,
        request: AsyncIterable[bytes],
        respond: Respond,
        *,
        protocol: str,
    ) -> None:
        await self._converse(path, service, [], request, respond, protocol)

    async def _converse(  # noqa: PLR0917 (private, and the same order as above)
        self,
        path: RepositoryPath,
        service: PackService,
        options: list[str],
        request: AsyncIterable[bytes],
        respond: Respond,
        protocol: str,
    ) -> None:
        command = service.value.removeprefix("git-")
        folder = self._repositories.folder(path)
        async with self._git.running(
            command,
            "--stateless-rpc",
            *options,
            folder,
            protocol=protocol,
            tidies=service is PackService.PUSH,
        ) as running:
            answered, complaints = await _pump(running, request, respond)
            if await running.process.wait():
                # an answer that breaks off says so itself: the protocol has lengths and checksums
                if not answered:
                    raise failed(complaints)
                logger.warning("%s of %s: %s", command, path, complaints.decode(errors="replace"))


async def _pump(
    running: Running, request: AsyncIterable[bytes], respond: Respond
) -> tuple[bool, bytes]:
    """Move bytes in both directions until git is done.  Gives whether it answered, and stderr."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_feed(running.stdin, request))
            complaints = group.create_task(running.complaints())
            answered = group.create_task(_forward(running.stdout, respond))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None  # the first one cancelled the others
    return answered.result(), complaints.result()


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


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""


def _packet(text: str) -> bytes:
    """Give a line in git's own framing: four hexadecimal digits of length, then the text."""
    return f"{len(text) + 4:04x}{text}".encode()
