"""Git smart HTTP, as in git's Documentation/gitprotocol-http: what git clients speak."""

import logging
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from agola.core.errors import Kind, UnavailableError, underlying
from agola.model.repository import RepositoryPath
from agola.services.gitserver.actions.transport import Credentials, TransportActions
from agola.services.gitserver.ports import PackService

logger = logging.getLogger(__name__)

PIECE_BYTES = 64 * 1024
DRAIN_SECONDS = 10.0
PROTOCOL_VERSION_2 = "version=2"

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_REPOSITORY = f"/{{user:{_UUID}}}/{{uuid:{_UUID}}}.git"
_STATUSES = {
    Kind.BAD_REQUEST: 400,
    Kind.UNAUTHORIZED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_EXIST: 404,
    Kind.EXHAUSTED: 413,
    Kind.UNAVAILABLE: 503,
}
_HEADERS = {
    401: {"WWW-Authenticate": 'Basic realm="agola", charset="UTF-8"'},
    503: {"Retry-After": "1"},
}


@asynccontextmanager
async def serving_http(actions: TransportActions, address: str) -> AsyncGenerator[str, None]:
    """Serve git clients at *address*, `host:port`, while the block runs.  Gives what was bound.

    A client that goes away ends what was done for it.  UnavailableError: ADDRESS_IN_USE.
    """
    runner = web.AppRunner(
        _application(actions),
        handler_cancellation=True,
        access_log=None,
        logger=_ProtocolLogger(logger),
        shutdown_timeout=DRAIN_SECONDS,
    )
    await runner.setup()
    try:
        yield await _listen(runner, address)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, address: str) -> str:
    host, _, port = address.rpartition(":")
    try:
        await web.TCPSite(runner, host.strip("[]") or None, int(port)).start()
    except OSError as error:
        message = f"cannot listen on {address}: is something else using it?"
        raise UnavailableError(message, reason="ADDRESS_IN_USE", address=address) from error
    return f"{host}:{runner.addresses[0][1]}"


class _ProtocolLogger(logging.LoggerAdapter[logging.Logger]):
    """Says in a line what aiohttp has a traceback for: that somebody sent what is no HTTP.

    What was sent is not told, as there may be a token in it.
    """

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        error = kwargs.get("exc_info")
        if isinstance(error, HttpProcessingError):
            kind = type(error).__name__
            self.info("%s does not speak HTTP as git does, and was turned away: %s", *args, kind)
        else:
            super().exception(msg, *args, **kwargs)


def _application(actions: TransportActions) -> web.Application:
    git = GitHttp(actions)
    application = web.Application()
    application.add_routes(
        [
            web.get(f"{_REPOSITORY}/info/refs", git.advertise, allow_head=False),
            *[web.post(f"{_REPOSITORY}/{service.value}", git.exchange) for service in PackService],
        ]
    )
    return application


class GitHttp:
    """The three requests of the protocol."""

    def __init__(self, actions: TransportActions) -> None:
        self._actions = actions

    async def advertise(self, request: web.Request) -> web.StreamResponse:
        """Answer what every conversation begins with."""
        try:
            service = PackService(request.query.get("service", ""))
        except ValueError:
            return web.Response(status=403, text="only git's smart protocol is spoken here\n")

        async def answer(path: RepositoryPath, answer: "Answer") -> None:
            await self._actions.advertise(
                path, service, answer.write, protocol=_protocol(request, service)
            )

        return await self._answer(request, service, "advertisement", answer)

    async def exchange(self, request: web.Request) -> web.StreamResponse:
        """Answer a fetch or a push."""
        service = PackService(request.path.rpartition("/")[2])
        if request.content_type != f"application/x-{service.value}-request":
            return web.Response(status=415, text="this is not what a git client sends\n")

        async def answer(path: RepositoryPath, answer: "Answer") -> None:
            await self._actions.exchange(
                path,
                service,
                request.content.iter_chunked(PIECE_BYTES),  # already decompressed
                answer.write,
                protocol=_protocol(request, service),
            )

        return await self._answer(request, service, "result", answer)

    async def _answer(
        self,
        request: web.Request,
        service: PackService,
        kind: str,
        work: Callable[[RepositoryPath, "Answer"], Awaitable[None]],
    ) -> web.StreamResponse:
        path = RepositoryPath(request.match_info["user"], request.match_info["uuid"])
        answer = Answer(request, f"application/x-{service.value}-{kind}")
        try:
            await self._actions.admit(path, service, _credentials(request))
            await work(path, answer)
            return await answer.end()
        except ConnectionError:  # nobody is there to hear about it
            return answer.response
        except Exception as error:
            if answer.response.prepared:
                raise  # cuts the connection, which is all that can still be said
            return _refusal(error, path)


class Answer:
    """An answer that begins with its first bytes: until then it can become a refusal."""

    def __init__(self, request: web.Request, content_type: str) -> None:
        self._request = request
        self.response = web.StreamResponse(
            headers={
                "Content-Type": content_type,
                "Cache-Control": "no-cache, max-age=0, must-revalidate",
            }
        )

    async def write(self, data: bytes) -> None:
        if not self.response.prepared:
            await self.response.prepare(self._request)
        await self.response.write(data)

    async def end(self) -> web.StreamResponse:
        if not self.response.prepared:
            await self.response.prepare(self._request)
        await self.response.write_eof()
        return self.response


def _refusal(error: Exception, path: RepositoryPath) -> web.Response:
    known = underlying(error)
    status = _STATUSES.get(known.kind, 500) if known else 500
    if known is None:
        logger.error("%s cannot be served", path, exc_info=error)
    elif known.kind is Kind.INTERNAL:
        logger.error("%s cannot be served: %s (%s)", path, known.message, known.reason)
    elif status >= 500:  # noqa: PLR2004 (such as what is out of reach)
        logger.warning("%s cannot be served: %s", path, known.message)
    text = known.message if known else "internal error"
    return web.Response(status=status, text=f"{text}\n", headers=_HEADERS.get(status))


def _credentials(request: web.Request) -> Credentials | None:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = b64decode(encoded, validate=True).decode().partition(":")
    except (Base64Error, UnicodeDecodeError):
        return None
    return Credentials(username, password) if colon else None


def _protocol(request: web.Request, service: PackService) -> str:
    """Say which protocol to speak; empty: the first one, as for every push."""
    asked = request.headers.get("Git-Protocol", "").split(":")
    fetch = service is PackService.FETCH
    return PROTOCOL_VERSION_2 if fetch and PROTOCOL_VERSION_2 in asked else ""
