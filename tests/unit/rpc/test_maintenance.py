"""agola.rpc.maintenance: services that are there, and closed."""

from collections.abc import AsyncGenerator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from agola.core.errors import AgolaError, UnauthorizedError, UnavailableError
from agola.model.maintenance import MaintainedService
from agola.rpc import calls
from agola.rpc.auth import InternalToken
from agola.rpc.channel import dial
from agola.rpc.handlers import Context
from agola.rpc.maintenance import closing, refusing
from agola.rpc.server import Mount, serving
from generated.agola.runservice.v1 import log_service_pb2, maintenance_service_pb2, run_service_pb2
from generated.agola.runservice.v1.log_service_pb2_grpc import (
    LogServiceServicer,
    LogServiceStub,
    add_LogServiceServicer_to_server,
)
from generated.agola.runservice.v1.maintenance_service_pb2_grpc import MaintenanceServiceStub
from generated.agola.runservice.v1.run_service_pb2_grpc import RunServiceStub
from tests.conftest import TOKEN

PACKAGE = "agola.runservice.v1"
CLOSED = MaintainedService.RUNSERVICE.closed


class Logs(LogServiceServicer):
    """Stays open."""

    async def DeleteTaskLog(
        self, request: log_service_pb2.DeleteTaskLogRequest, context: Context
    ) -> log_service_pb2.DeleteTaskLogResponse:
        return log_service_pb2.DeleteTaskLogResponse()


LOGS = Mount(f"{PACKAGE}.LogService", lambda to: add_LogServiceServicer_to_server(Logs(), to))


@pytest.fixture
async def address() -> AsyncGenerator[str, None]:
    mounts = closing(PACKAGE, CLOSED, but=[LOGS])
    async with serving(
        mounts, address="127.0.0.1:0", authenticate=InternalToken(TOKEN), drain=0
    ) as bound:
        yield bound


@pytest.fixture
async def channel(address: str) -> AsyncGenerator[grpc.aio.Channel, None]:
    async with dial(address, token=TOKEN) as dialled:
        yield dialled


async def refusal(call: Any) -> AgolaError:
    """Give what a call was refused for, however many answers it could have had."""
    with pytest.raises(AgolaError) as caught:
        await answered(call)
    return caught.value


async def answered(call: Any) -> None:
    if isinstance(call, grpc.aio.UnaryStreamCall):
        async for _ in calls.stream(call):
            pass
    else:
        await calls.unary(call)


async def test_every_kind_of_call_is_refused_with_the_same_sentence(
    channel: grpc.aio.Channel,
) -> None:
    runs, maintenance = RunServiceStub(channel), MaintenanceServiceStub(channel)
    pb = run_service_pb2
    unknown = channel.unary_unary(
        f"/{PACKAGE}.RunService/OfTomorrow", Message.SerializeToString, pb.GetRunResponse.FromString
    )
    for call in (
        runs.GetRun(pb.GetRunRequest()),
        runs.WatchRun(pb.WatchRunRequest()),
        maintenance.Import(iter([maintenance_service_pb2.ImportRequest()])),
        unknown(pb.GetRunRequest()),
    ):
        error = await refusal(call)
        assert isinstance(error, UnavailableError)
        assert (error.reason, error.metadata) == ("MAINTENANCE", {"service": "runservice"})
        assert error.message.startswith("the runservice is in maintenance mode")


async def test_a_refusal_says_when_to_come_again(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await RunServiceStub(channel).GetRun(run_service_pb2.GetRunRequest())
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]  # stubs miss aio
    retry = RetryInfo()
    assert any(detail.Unpack(retry) for detail in status.details)
    assert retry.retry_delay.ToSeconds() == 5


async def test_strangers_do_not_even_learn_that(address: str) -> None:
    async with dial(address, token="wrong") as stranger:
        for call in (
            RunServiceStub(stranger).GetRun(run_service_pb2.GetRunRequest()),
            RunServiceStub(stranger).WatchRun(run_service_pb2.WatchRunRequest()),
        ):
            assert isinstance(await refusal(call), UnauthorizedError)


async def test_what_stays_open_answers(channel: grpc.aio.Channel) -> None:
    await LogServiceStub(channel).DeleteTaskLog(log_service_pb2.DeleteTaskLogRequest())


async def test_one_method_of_a_closed_service_may_answer() -> None:
    async def get_run(
        request: run_service_pb2.GetRunRequest, _: Context
    ) -> run_service_pb2.GetRunResponse:
        assert request.run_id
        return run_service_pb2.GetRunResponse()

    handler = grpc.unary_unary_rpc_method_handler(
        get_run,
        request_deserializer=run_service_pb2.GetRunRequest.FromString,
        response_serializer=run_service_pb2.GetRunResponse.SerializeToString,
    )
    mount = refusing(f"{PACKAGE}.RunService", CLOSED, answering={"GetRun": handler})
    async with (
        serving(
            [mount], address="127.0.0.1:0", authenticate=InternalToken(TOKEN), drain=0
        ) as bound,
        dial(bound, token=TOKEN) as channel,
    ):
        runs = RunServiceStub(channel)
        await runs.GetRun(run_service_pb2.GetRunRequest(run_id="1"))
        error = await refusal(runs.StopRun(run_service_pb2.StopRunRequest()))
        assert error.reason == "MAINTENANCE"


@pytest.mark.parametrize(
    ("service", "state"),
    [
        (f"{PACKAGE}.LogService", "SERVING"),
        (f"{PACKAGE}.RunService", "NOT_SERVING"),
        ("", "NOT_SERVING"),
    ],
)
async def test_health_tells_the_open_from_the_closed(
    channel: grpc.aio.Channel, service: str, state: str
) -> None:
    request = health_pb2.HealthCheckRequest(service=service)
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(request)
    assert health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status) == state


async def test_reflection_knows_the_closed_ones_too(channel: grpc.aio.Channel) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]
    request: Any = reflection_pb2.ServerReflectionRequest
    asked = [
        request(list_services=""),
        request(file_containing_symbol=f"{PACKAGE}.RunService"),
    ]
    listed, file = [answer async for answer in stub.ServerReflectionInfo(iter(asked))]
    names = {service.name for service in listed.list_services_response.service}
    assert {f"{PACKAGE}.RunService", f"{PACKAGE}.LogService"} <= names
    assert file.file_descriptor_response.file_descriptor_proto
