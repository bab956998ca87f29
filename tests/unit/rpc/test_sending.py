"""agola.rpc.calls.sent and streams.taking: streams of requests, and how they end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable

import pytest

from agola.core.errors import InternalError, PreconditionError
from agola.rpc import calls
from agola.rpc.handlers import Context
from agola.rpc.server import Mount
from agola.rpc.streams import taking
from generated.agola.runservice.v1 import maintenance_service_pb2 as pb
from generated.agola.runservice.v1.maintenance_service_pb2_grpc import (
    MaintenanceServiceServicer,
    MaintenanceServiceStub,
    add_MaintenanceServiceServicer_to_server,
)
from tests.conftest import Serve

PIECE = bytes(256 * 1024)


class Taker(MaintenanceServiceServicer):
    """Takes so many requests, then refuses more; ends well when there are less."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        self.ended = asyncio.Event()

    async def Import(
        self, request_iterator: AsyncIterable[pb.ImportRequest], context: Context
    ) -> pb.ImportResponse:
        try:
            async with taking(request_iterator, context) as requests:
                async for _ in requests:
                    self.taken += 1
                    if self.taken >= self.limit:
                        raise PreconditionError("enough", reason="MAINTENANCE_REQUIRED")
                return pb.ImportResponse(counts={"all": self.taken})
        finally:
            self.ended.set()

    def mount(self) -> Mount:
        return Mount("x", lambda server: add_MaintenanceServiceServicer_to_server(self, server))


async def pieces(count: int) -> AsyncGenerator[pb.ImportRequest, None]:
    for _ in range(count):
        message = pb.ImportRequest()
        message.event.legacy = PIECE
        yield message


async def test_all_that_is_sent_arrives(serve: Serve) -> None:
    async with serve(Taker(1000).mount()) as channel:
        answer = await calls.sent(MaintenanceServiceStub(channel).Import(), pieces(40))
    assert answer.counts["all"] == 40


async def test_a_refusal_in_the_middle_is_always_learnt(serve: Serve) -> None:
    for limit in range(1, 40):
        taker = Taker(limit)
        async with serve(taker.mount()) as channel:
            with pytest.raises(PreconditionError, match="enough"):
                await calls.sent(MaintenanceServiceStub(channel).Import(), pieces(10_000))
        assert taker.taken == limit


async def test_a_sender_that_fails_ends_the_call(serve: Serve) -> None:
    taker = Taker(1000)

    async def failing() -> AsyncGenerator[pb.ImportRequest, None]:
        async for piece in pieces(3):
            yield piece
        raise InternalError("mine", reason="INTERNAL")

    async with serve(taker.mount()) as channel:
        with pytest.raises(InternalError, match="mine"):
            await calls.sent(MaintenanceServiceStub(channel).Import(), failing())
        await taker.ended.wait()


async def test_a_sender_that_is_cancelled_ends_the_call(serve: Serve) -> None:
    taker, sending = Taker(1000), asyncio.Event()

    async def stalled() -> AsyncGenerator[pb.ImportRequest, None]:
        async for piece in pieces(3):
            yield piece
        sending.set()
        await asyncio.Event().wait()

    async with serve(taker.mount()) as channel:
        call = asyncio.create_task(calls.sent(MaintenanceServiceStub(channel).Import(), stalled()))
        await sending.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await taker.ended.wait()
