"""Calling another service: its errors come out as the classes that it raised."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable
from contextlib import suppress
from typing import Any, TypeVar

import grpc

from agola.rpc.status import from_rpc_error

T = TypeVar("T")
Request = TypeVar("Request")


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


async def sent(call: grpc.aio.StreamUnaryCall[Request, T], messages: AsyncIterable[Request]) -> T:
    """Send *messages*, each as soon as there is room for it, and wait for the answer.

    Raises the error that the other service meant, also in the middle; what *messages* raises comes
    out as it is.  The call is cancelled when it ends in any other way than with an answer.
    """
    decided = asyncio.ensure_future(call.initial_metadata())  # see `streams.taking`
    decided.add_done_callback(lambda done: done.cancelled() or done.exception())  # told by the call
    try:
        async for message in messages:
            if decided.done():
                break
            with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
                await call.write(message)
        with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
            await call.done_writing()
        return await unary(call)
    finally:
        decided.cancel()
        call.cancel()
