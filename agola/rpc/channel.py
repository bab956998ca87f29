"""Dialling another service: the same token, name and deadline on every call."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from agola.core.errors import UnauthorizedError
from agola.rpc.context import time_left, trace_id
from agola.rpc.interceptors import AUTHORIZATION, BEARER, TRACE_HEADER
from agola.rpc.server import MAX_MESSAGE_BYTES

UNARY_TIMEOUT_SECONDS = 10.0
MARGIN_SECONDS = 0.05
"""What a service keeps of its caller's patience for its own work."""

OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # without it a peer that hangs is noticed after 60 s
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_http_proxy", 0),  # a proxy of the environment has no place between our parts
)


@asynccontextmanager
async def dial(
    target: str, *, token: str, timeout: float = UNARY_TIMEOUT_SECONDS
) -> AsyncGenerator[grpc.aio.Channel, None]:
    """Give a channel to *target*, closed with the block.  Nothing is sent before the first call.

    Unary calls end after *timeout* seconds, or earlier when the call that they are made for does.
    UnauthorizedError: TOKEN_INVALID, for what could not even be sent.
    """
    if not (token.isascii() and token.isprintable()):
        raise UnauthorizedError("the token is not valid", reason="TOKEN_INVALID")
    interceptors = [_Unary(token, timeout), _Stream(token), _StreamUnary(token)]
    async with grpc.aio.insecure_channel(
        target, options=OPTIONS, interceptors=interceptors
    ) as channel:
        yield channel


class _Unary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, token: str, timeout: float) -> None:
        self._token = token
        self._timeout = timeout

    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        timeout = client_call_details.timeout or self._patience()
        return await continuation(_named(client_call_details, self._token, timeout), request)

    def _patience(self) -> float:
        left = time_left()
        return self._timeout if left is None else min(self._timeout, max(left - MARGIN_SECONDS, 0))


class _Stream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, token: str) -> None:
        self._token = token

    async def intercept_unary_stream(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        details = _named(client_call_details, self._token, client_call_details.timeout)
        return await continuation(details, request)


class _StreamUnary(grpc.aio.StreamUnaryClientInterceptor):
    def __init__(self, token: str) -> None:
        self._token = token

    async def intercept_stream_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request_iterator: Any,
    ) -> Any:
        details = _named(client_call_details, self._token, client_call_details.timeout)
        return await continuation(details, request_iterator)


def _named(
    details: grpc.aio.ClientCallDetails, token: str, timeout: float | None
) -> grpc.aio.ClientCallDetails:
    metadata = grpc.aio.Metadata(*(details.metadata or ()))
    metadata.add(AUTHORIZATION, BEARER + token)
    if name := trace_id():
        metadata.add(TRACE_HEADER, name)
    return details._replace(metadata=metadata, timeout=timeout)  # type: ignore[attr-defined,no-any-return]  # a namedtuple, which the stubs do not say
