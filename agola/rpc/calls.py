"""Calling another service: its errors come out as the classes that it raised."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import Any, TypeVar

import grpc

from agola.rpc.status import from_rpc_error

T = TypeVar("T")


async def unary(call: Awaitable[T]) -> T:
    """Wait for the answer to *call*.  Raises the error that the other service meant."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error


async def stream(call: grpc.aio.UnaryStreamCall[Any, T]) -> AsyncGenerator[T, None]:
    """Yield the messages of *call*, and cancel it when the reader leaves early.

    Raises the error that the other service meant.
    """
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error
    finally:
        call.cancel()


async def sent(call: grpc.aio.StreamUnaryCall[Any, T]) -> T:
    """Wait for the answer to a call that streams requests; cancel it if the caller gives up."""
    try:
        return await unary(call)
    except asyncio.CancelledError:
        call.cancel()
        raise
