"""What surrounds every RPC, outermost first: its name, the log, errors, draining, caller, limits.

The log is outside of the errors, so that it sees the final status; who calls is inside of them, so
that it may raise.
"""

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc

from agola.core.errors import ExhaustedError, UnavailableError
from agola.core.ids import Ids, RandomIds
from agola.rpc.context import (
    SERVICE,
    Principal,
    known_principal,
    set_principal,
    set_time_left,
    set_trace_id,
    trace_id,
)
from agola.rpc.handlers import (
    Context,
    Continuation,
    Handler,
    MaybeHandler,
    Stream,
    Unary,
    is_ours,
    wrap,
)

logger = logging.getLogger(__name__)

TRACE_HEADER = "x-request-id"
TRACE_MAX_CHARS = 64
AUTHORIZATION = "authorization"
BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class Call:
    """An RPC that has ended."""

    method: str
    code: grpc.StatusCode
    seconds: float


Authenticate: TypeAlias = Callable[[str], Awaitable[Principal]]
"""Says who presents a token; the empty one too.  UnauthorizedError."""

Observe: TypeAlias = Callable[[Call], None]
"""Is told of every RPC that has ended: where metrics come from."""


class Surrounding(grpc.aio.ServerInterceptor):
    """An interceptor that is one context manager around every call."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> MaybeHandler:
        handler = await continuation(handler_call_details)  # once: the chain is an iterator
        if handler is None or not self.concerns(handler):
            return handler
        details = handler_call_details

        def unary(behaviour: Unary) -> Unary:
            async def surrounded(request: Any, context: Context) -> Any:
                async with self.around(details, context):
                    return await behaviour(request, context)

            return surrounded

        def stream(behaviour: Stream) -> Stream:
            async def surrounded(request: Any, context: Context) -> AsyncGenerator[Any, None]:
                async with (
                    self.around(details, context),
                    aclosing(behaviour(request, context)) as responses,
                ):
                    async for response in responses:
                        yield response

            return surrounded

        return wrap(handler, unary=unary, stream=stream)

    def concerns(self, handler: Handler) -> bool:
        """Say whether calls of *handler* are to be surrounded."""
        return True

    @abstractmethod
    def around(
        self, details: grpc.HandlerCallDetails, context: Context
    ) -> AbstractAsyncContextManager[None]:
        """Surround one call."""


class TraceInterceptor(Surrounding):
    """Names the call, by the caller's name for it where there is one, and notes its deadline."""

    def __init__(self, ids: Ids | None = None) -> None:
        self._ids = ids or RandomIds()

    @asynccontextmanager
    async def around(
        self, details: grpc.HandlerCallDetails, context: Context
    ) -> AsyncGenerator[None, None]:
        given = _metadata(details, TRACE_HEADER)
        set_trace_id(given[:TRACE_MAX_CHARS] or self._ids.uuid())
        context.set_trailing_metadata(((TRACE_HEADER, trace_id()),))
        set_time_left(context.time_remaining())
        yield


class LogInterceptor(Surrounding):
    """Notes how every call ended, and tells the observer."""

    def __init__(self, observe: Observe | None) -> None:
        self._observe = observe

    @asynccontextmanager
    async def around(
        self, details: grpc.HandlerCallDetails, context: Context
    ) -> AsyncGenerator[None, None]:
        start = time.monotonic()
        code: grpc.StatusCode | None = None
        try:
            yield
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        finally:
            ended = code or _status_code(context)
            self._note(Call(details.method, ended, time.monotonic() - start), context)

    def _note(self, call: Call, context: Context) -> None:
        if self._observe is not None:
            self._observe(call)
        who = known_principal()
        level = _level(call.code, who)
        if logger.isEnabledFor(level):
            milliseconds = call.seconds * 1000
            what = "%s %s in %.1f ms for %s [%s] %s"
            detail = context.details() or ""
            logger.log(
                level,
                what,
                call.method,
                call.code.name,
                milliseconds,
                who or "nobody",
                trace_id(),
                detail,
            )


_LEVELS = {
    grpc.StatusCode.OK: logging.DEBUG,
    grpc.StatusCode.CANCELLED: logging.DEBUG,
    grpc.StatusCode.UNKNOWN: logging.ERROR,  # INTERNAL was told with its reason, or its stack
}


def _level(code: grpc.StatusCode, who: Principal | None) -> int:
    if who is SERVICE and code is grpc.StatusCode.UNAVAILABLE:
        return logging.DEBUG  # it will try again, and says so itself
    return _LEVELS.get(code, logging.INFO)


class AuthInterceptor(Surrounding):
    """Lets only those in whom somebody knows."""

    def __init__(self, authenticate: Authenticate) -> None:
        self._authenticate = authenticate

    @asynccontextmanager
    async def around(
        self, details: grpc.HandlerCallDetails, context: Context
    ) -> AsyncGenerator[None, None]:
        if is_ours(details.method):
            header = _metadata(details, AUTHORIZATION)
            token = header.removeprefix(BEARER) if header.startswith(BEARER) else ""
            set_principal(await self._authenticate(token))
        yield


class LimitInterceptor(Surrounding):
    """Refuses calls beyond what one process can hold."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0

    @asynccontextmanager
    async def around(
        self, details: grpc.HandlerCallDetails, context: Context
    ) -> AsyncGenerator[None, None]:
        if self._open >= self._most:
            message = f"{self._most} calls are open already"
            raise ExhaustedError(message, reason="TOO_MANY_CALLS", limit=str(self._most))
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


class DrainInterceptor(Surrounding):
    """Ends the streams of a server that shuts down, in a way that makes callers resume."""

    def __init__(self) -> None:
        self._draining = False
        self._streams: set[asyncio.Task[Any]] = set()

    def drain(self) -> None:
        """End every open stream, and refuse new calls."""
        self._draining = True
        for task in self._streams:
            task.cancel()

    def concerns(self, handler: Handler) -> bool:
        return handler.response_streaming

    @asynccontextmanager
    async def around(
        self, details: grpc.HandlerCallDetails, context: Context
    ) -> AsyncGenerator[None, None]:
        task = asyncio.current_task()
        if self._draining or task is None:
            raise _shutting_down()
        self._streams.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if not self._draining:
                raise
            task.uncancel()
            raise _shutting_down() from None
        finally:
            self._streams.discard(task)


def _shutting_down() -> UnavailableError:
    return UnavailableError("the server is shutting down", reason="SERVER_SHUTTING_DOWN")


def _metadata(details: grpc.HandlerCallDetails, name: str) -> str:
    for key, value in details.invocation_metadata or ():
        if key == name:
            return value.decode(errors="replace") if isinstance(value, bytes) else value
    return ""


def _status_code(context: Context) -> grpc.StatusCode:
    """Say how a call ended; gRPC says nothing, or 0, of one that went well."""
    code = context.code()
    if isinstance(code, grpc.StatusCode):
        return code
    return next((c for c in grpc.StatusCode if c.value[0] == code), grpc.StatusCode.OK)
