"""agola.rpc: what surrounds every call, seen through a socket."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from agola.core.errors import (
    AgolaError,
    BadRequestError,
    InternalError,
    NotExistError,
    OutOfRangeError,
    UnauthorizedError,
    UnavailableError,
    UnimplementedError,
)
from agola.rpc import calls
from agola.rpc.auth import InternalToken
from agola.rpc.channel import dial
from agola.rpc.context import principal, trace_id
from agola.rpc.handlers import Context
from agola.rpc.interceptors import Call
from agola.rpc.server import Mount, serving
from generated.agola.runservice.v1 import log_service_pb2 as pb
from generated.agola.runservice.v1.log_service_pb2_grpc import (
    LogServiceServicer,
    LogServiceStub,
    add_LogServiceServicer_to_server,
)
from tests.conftest import TOKEN, Serve

NAME = "agola.runservice.v1.LogService"


class Scripted(LogServiceServicer):
    """Does what the test says."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.opened = asyncio.Event()

    def mount(self) -> Mount:
        return Mount(NAME, lambda server: add_LogServiceServicer_to_server(self, server))

    async def DeleteTaskLog(
        self, request: pb.DeleteTaskLogRequest, context: Context
    ) -> pb.DeleteTaskLogResponse:
        assert trace_id()
        if self.error is not None:
            raise self.error
        return pb.DeleteTaskLogResponse()

    async def StreamTaskLog(
        self, request: pb.StreamTaskLogRequest, context: Context
    ) -> AsyncGenerator[pb.StreamTaskLogResponse, None]:
        principal()
        yield pb.StreamTaskLogResponse()
        if self.error is not None:
            raise self.error
        self.opened.set()
        await asyncio.Event().wait()


def stub(channel: grpc.aio.Channel) -> LogServiceStub:
    return LogServiceStub(channel)


async def delete(channel: grpc.aio.Channel) -> pb.DeleteTaskLogResponse:
    return await calls.unary(stub(channel).DeleteTaskLog(pb.DeleteTaskLogRequest()))


async def read(channel: grpc.aio.Channel) -> int:
    """Count the messages of a stream."""
    call = stub(channel).StreamTaskLog(pb.StreamTaskLogRequest())
    async with aclosing(calls.stream(call)) as messages:
        return len([message async for message in messages])


@pytest.mark.parametrize("how", [delete, read])
async def test_an_error_arrives_as_the_class_that_was_raised(
    serve: Serve, how: Callable[[grpc.aio.Channel], Awaitable[object]]
) -> None:
    error = NotExistError("run 'r' does not exist", reason="RUN_DOES_NOT_EXIST", runId="r")
    async with serve(Scripted(error).mount()) as channel:
        with pytest.raises(NotExistError) as caught:
            await how(channel)
    assert caught.value.message == error.message
    assert (caught.value.reason, caught.value.metadata) == ("RUN_DOES_NOT_EXIST", {"runId": "r"})


@pytest.mark.parametrize("said", ["x", "é", "日", "\x01"])
async def test_an_error_arrives_however_much_it_says(serve: Serve, said: str) -> None:
    long = said * 100_000
    error = BadRequestError(long, reason="NAME_INVALID", name=long, other=long, third=long)
    async with serve(Scripted(error).mount()) as channel:
        with pytest.raises(BadRequestError) as caught:
            await delete(channel)
    assert caught.value.reason == "NAME_INVALID"
    assert long.startswith(caught.value.metadata["name"].removesuffix("…"))
    assert len(caught.value.message) > 100


async def test_the_typed_error_under_an_untyped_one_decides(serve: Serve) -> None:
    error = LookupError("context")
    error.__cause__ = OutOfRangeError("past the end", reason="OFFSET_PAST_END")
    async with serve(Scripted(error).mount()) as channel:
        with pytest.raises(OutOfRangeError):
            await delete(channel)


async def test_what_nobody_foresaw_stays_private_and_is_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(Scripted(ValueError("the password is tiger")).mount()) as channel:
        with pytest.raises(InternalError) as caught:
            await delete(channel)
    assert caught.value.message == "internal error"
    assert "tiger" in caplog.text
    assert "Traceback" in caplog.text


async def test_an_internal_error_that_was_foreseen_is_one_line_without_a_stack(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    error = InternalError("a.data is damaged", reason="DATA_DAMAGED")
    async with serve(Scripted(error).mount()) as channel:
        with pytest.raises(InternalError):
            await delete(channel)
    [line] = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert line.levelno == logging.ERROR
    assert line.getMessage().endswith(": a.data is damaged (DATA_DAMAGED)")
    assert line.exc_info is None


async def test_an_unavailable_service_says_when_to_come_back(serve: Serve) -> None:
    error = UnavailableError("later", reason="KV_UNAVAILABLE")
    error.retry_after = timedelta(seconds=7)
    async with serve(Scripted(error).mount()) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub(channel).DeleteTaskLog(pb.DeleteTaskLogRequest())
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    retry = RetryInfo()
    assert status is not None
    assert [detail.Unpack(retry) for detail in status.details] == [False, True]
    assert retry.retry_delay.ToTimedelta() == timedelta(seconds=7)


async def test_a_call_that_is_not_written_yet_says_so(serve: Serve) -> None:
    async with serve(Scripted().mount()) as channel:
        search = stub(channel).SearchTaskLog(pb.SearchTaskLogRequest())
        with pytest.raises(UnimplementedError) as caught:
            async with aclosing(calls.stream(search)) as messages:
                await anext(messages)
    assert caught.value.reason == "NOT_YET_IMPLEMENTED"


@pytest.mark.parametrize(("token", "reason"), [("", "TOKEN_REQUIRED"), ("guess", "TOKEN_INVALID")])
async def test_only_the_right_token_opens(token: str, reason: str) -> None:
    async with AsyncExitStack() as stack:
        served = serving(
            [Scripted().mount()], address="127.0.0.1:0", authenticate=InternalToken(TOKEN)
        )
        address = await stack.enter_async_context(served)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        metadata = (("authorization", f"Bearer {token}"),)
        for call in (
            stub(channel).DeleteTaskLog(pb.DeleteTaskLogRequest(), metadata=metadata),
            stub(channel).SearchTaskLog(pb.SearchTaskLogRequest(), metadata=metadata).read(),
        ):
            with pytest.raises(UnauthorizedError) as caught:
                await calls.unary(call)
            assert caught.value.reason == reason
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(service=NAME))  # type: ignore[attr-defined]
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_token_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(UnauthorizedError):
        async with dial("127.0.0.1:1", token="schlüssel"):
            pass


async def test_an_installation_without_a_token_is_closed() -> None:
    with pytest.raises(UnauthorizedError):
        await InternalToken("")("")


async def test_the_name_of_a_call_is_given_back_also_with_an_error(serve: Serve) -> None:
    error = NotExistError("gone", reason="RUN_DOES_NOT_EXIST")
    for scripted in (Scripted(), Scripted(error)):
        async with serve(scripted.mount()) as channel:
            call = stub(channel).DeleteTaskLog(
                pb.DeleteTaskLogRequest(), metadata=(("x-request-id", "mine"),)
            )
            trailing = await call.trailing_metadata()
            assert ("x-request-id", "mine") in tuple(trailing)


async def test_a_server_that_shuts_down_ends_its_streams_at_once() -> None:
    scripted = Scripted()
    async with AsyncExitStack() as stack:
        async with serving(
            [scripted.mount()], address="127.0.0.1:0", authenticate=InternalToken(TOKEN), drain=60
        ) as address:
            channel = await stack.enter_async_context(dial(address, token=TOKEN))
            reading = asyncio.create_task(read(channel))
            await scripted.opened.wait()
        with pytest.raises(UnavailableError) as caught:
            await reading
        assert caught.value.reason == "SERVER_SHUTTING_DOWN"


async def test_a_reader_that_leaves_ends_its_stream(serve: Serve) -> None:
    ended = asyncio.Event()

    class Endless(Scripted):
        async def StreamTaskLog(
            self, request: pb.StreamTaskLogRequest, context: Context
        ) -> AsyncGenerator[pb.StreamTaskLogResponse, None]:
            try:
                yield pb.StreamTaskLogResponse()
                await asyncio.Event().wait()
            finally:
                ended.set()

    async with serve(Endless().mount()) as channel:
        call = stub(channel).StreamTaskLog(pb.StreamTaskLogRequest())
        async with aclosing(calls.stream(call)) as messages:
            await anext(messages)
        await ended.wait()


async def test_every_call_is_observed_with_its_status() -> None:
    seen: list[Call] = []
    error = NotExistError("gone", reason="RUN_DOES_NOT_EXIST")
    async with AsyncExitStack() as stack:
        served = serving(
            [Scripted(error).mount()],
            address="127.0.0.1:0",
            authenticate=InternalToken(TOKEN),
            observe=seen.append,
        )
        address = await stack.enter_async_context(served)
        channel = await stack.enter_async_context(dial(address, token=TOKEN))
        with pytest.raises(AgolaError):
            await delete(channel)
    assert [(call.method, call.code) for call in seen] == [
        (f"/{NAME}/DeleteTaskLog", grpc.StatusCode.NOT_FOUND)
    ]


async def test_the_token_is_in_no_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serve(Scripted().mount()) as channel:
        await delete(channel)
    assert "DeleteTaskLog OK" in caplog.text
    assert TOKEN not in caplog.text


async def test_two_servers_do_not_share_a_port() -> None:
    authenticate = InternalToken(TOKEN)
    async with serving([], address="127.0.0.1:0", authenticate=authenticate) as address:
        with pytest.raises(UnavailableError) as caught:
            async with serving([], address=address, authenticate=authenticate):
                pass
    assert caught.value.reason == "ADDRESS_IN_USE"


async def test_a_stale_socket_is_no_obstacle(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/service.sock"
    (tmp_path / "service.sock").touch()
    served = serving([Scripted().mount()], address=address, authenticate=InternalToken(TOKEN))
    async with served as bound, dial(bound, token=TOKEN) as channel:
        await delete(channel)


async def test_nobody_there_is_unavailable() -> None:
    async with dial("127.0.0.1:1", token=TOKEN) as channel:
        with pytest.raises(UnavailableError) as caught:
            await delete(channel)
    assert caught.value.reason == "UNREACHABLE"
    assert caught.value.message == "the service behind this cannot be reached: UNAVAILABLE"
    assert "127.0.0.1:1" in "".join(caught.value.__notes__)


async def test_grpcurl_lists_the_services() -> None:
    served = serving([Scripted().mount()], address="127.0.0.1:0", authenticate=InternalToken(TOKEN))
    async with served as address:
        grpcurl = Path(sys.executable).parent / "grpcurl"
        process = await asyncio.create_subprocess_exec(
            str(grpcurl), "-plaintext", address, "list", stdout=subprocess.PIPE
        )
        output, _ = await process.communicate()
    assert process.returncode == 0
    assert NAME in output.decode().splitlines()
