"""A way to S3 on which everything can go wrong: an HTTP proxy before a real server."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto

from msgspec import structs

from agola.config.model import S3Objects

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
PATIENCE_SECONDS = 1.0

BAD_GATEWAY = b"<html>no gateway is in front of S3, but this one</html>"


class Fault(Enum):
    """What may become of a request."""

    SLOW_DOWN = auto()
    """It is answered with 503, as S3 does when there are too many."""
    BAD_GATEWAY = auto()
    """It is answered with 502, in HTML."""
    STALL = auto()
    """It arrives, and nothing comes back."""
    DAWDLE = auto()
    """S3 does it, and its answer comes after twice our patience."""
    RESET = auto()
    """The connection ends before S3 has it."""
    LOSE_ANSWER = auto()
    """S3 does it, and the connection ends instead of an answer."""
    CUT_BODY = auto()
    """The connection ends in the middle of the answer's body."""


@dataclass(frozen=True)
class _Message:
    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode()


@dataclass
class FaultyS3:
    """The proxy.  Requests fail while a fault is set, or the next few of them."""

    upstream: tuple[str, int]
    tls: ssl.SSLContext | None = None
    fault: Fault | None = None
    requests: list[str] = field(default_factory=list)
    """The method and the target of each request that came."""
    port: int = 0
    _planned: Iterator[Fault | None] = field(default_factory=lambda: iter(()))
    _server: asyncio.Server | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set)
    _met: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def before(cls, server: S3Objects, *, tls: ssl.SSLContext | None = None) -> "FaultyS3":
        """Make one that is not listening yet."""
        host, _, port = server.endpoint.partition(":")
        return cls((host, int(port)), tls)

    def objects(self, server: S3Objects) -> S3Objects:
        """Say how to reach *server* through here, with little patience."""
        return structs.replace(
            server,
            endpoint=f"127.0.0.1:{self.port}",
            secure=self.tls is not None,
            patience_seconds=PATIENCE_SECONDS,
        )

    def fail(self, fault: Fault, *, times: int, after: int = 0) -> None:
        """Let the next *times* requests fail, but none of the *after* before them."""
        self._planned = iter([*([None] * after), *([fault] * times)])

    async def met(self) -> None:
        """Wait for the next request that fails."""
        self._met.clear()
        await self._met.wait()

    async def accept(self) -> None:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.port, ssl=self.tls, limit=1 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Listen no more, and end what is connected."""
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        to_reader, to_writer = await asyncio.open_connection(*self.upstream, limit=1 << 20)
        try:
            with suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
                while await self._answered(await _message(reader), to_reader, to_writer, writer):
                    pass
        finally:
            self._connections.discard(task)
            to_writer.close()
            writer.close()

    async def _answered(
        self,
        request: _Message,
        from_upstream: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Answer a request, or do what is wrong.  Gives whether the connection goes on."""
        method, target, _ = request.line.split(" ")
        self.requests.append(f"{method} {target}")
        fault = self._next_fault()
        if fault is Fault.RESET:
            return False
        if fault is Fault.STALL:
            await asyncio.Event().wait()
        if fault in {Fault.SLOW_DOWN, Fault.BAD_GATEWAY}:
            return await _refused(writer, fault, has_body=method != "HEAD")
        upstream.write(request.head + request.body)
        answer = await _message(from_upstream, has_body=method != "HEAD")
        if fault is Fault.LOSE_ANSWER:
            return False
        if fault is Fault.DAWDLE:
            await asyncio.sleep(2 * PATIENCE_SECONDS)
        body = answer.body[: len(answer.body) // 2] if fault is Fault.CUT_BODY else answer.body
        writer.write(answer.head + body)
        await writer.drain()
        return fault in {None, Fault.DAWDLE}

    def _next_fault(self) -> Fault | None:
        fault = next(self._planned, None) or self.fault
        if fault is not None:
            self._met.set()
        return fault


@asynccontextmanager
async def faulty_s3(
    server: S3Objects, *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[FaultyS3, None]:
    """Run a proxy before *server* for as long as the block runs."""
    proxy = FaultyS3.before(server, tls=tls)
    await proxy.accept()
    try:
        yield proxy
    finally:
        await proxy.refuse()


async def _refused(writer: asyncio.StreamWriter, fault: Fault, *, has_body: bool) -> bool:
    slow = fault is Fault.SLOW_DOWN
    body = SLOW_DOWN if slow else BAD_GATEWAY
    line = b"503 Slow Down" if slow else b"502 Bad Gateway"
    kind = b"application/xml" if slow else b"text/html"
    length = str(len(body)).encode()
    head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %b\r\n\r\n" % (line, kind, length)
    writer.write(head + (body if has_body else b""))
    await writer.drain()
    return True


async def _message(reader: asyncio.StreamReader, *, has_body: bool = True) -> _Message:
    """Read a whole request or answer, whatever says how long it is."""
    head = await reader.readuntil(b"\r\n\r\n")
    headers = dict(
        line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
    )
    if not has_body:
        return _Message(head, b"")
    if headers.get(b"transfer-encoding") == b"chunked":
        return _Message(head, await _chunks(reader))
    return _Message(head, await reader.readexactly(int(headers.get(b"content-length", b"0"))))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    size = -1
    while size:
        line = await reader.readuntil(b"\r\n")
        size = int(line, 16)
        body += line + await reader.readexactly(size + 2)
    return body
