"""Nobody gets an answer without a token, from no call of no service."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

import generated
from agola.config.load import runtime_dir_of
from tests.testbed.installation import Installation

for module in walk_packages(generated.__path__, "generated."):
    if module.name.endswith("_service_pb2"):
        import_module(module.name)  # so that the pool knows its services

INTERNAL = ("configstore", "runservice", "gitserver", "executor")
WRONG = "agola_" + "x" * 43


def addresses(shared: Installation) -> dict[str, str]:
    sockets = {name: f"unix:{runtime_dir_of(shared.data_dir)}/{name}.sock" for name in INTERNAL}
    return {"gateway": shared.listen} | sockets


async def services(channel: grpc.aio.Channel) -> list[str]:
    """Ask a server what it speaks, as grpcurl does."""

    async def question() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="*")

    stub: Any = ServerReflectionStub  # its stubs know the synchronous channel only
    call = stub(channel).ServerReflectionInfo(question())
    async for answer in call:
        return [service.name for service in answer.list_services_response.service]
    raise AssertionError("no answer")


async def code_of(channel: Any, method: MethodDescriptor, token: str) -> str:
    """Call a method with an empty request, and give the status."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    metadata = (("authorization", f"Bearer {token}"),) if token else ()

    async def requests() -> AsyncIterator[bytes]:
        yield b""

    try:
        match method.client_streaming, method.server_streaming:
            case False, False:
                await channel.unary_unary(path)(b"", metadata=metadata, timeout=10)
            case False, True:
                await channel.unary_stream(path)(b"", metadata=metadata, timeout=10).read()
            case True, False:
                await channel.stream_unary(path)(requests(), metadata=metadata, timeout=10)
            case _:
                await channel.stream_stream(path)(requests(), metadata=metadata, timeout=10).read()
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


@asynccontextmanager
async def dialled(address: str) -> AsyncGenerator[grpc.aio.Channel, None]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel


@pytest.mark.parametrize("component", ["gateway", *INTERNAL])
async def test_every_call_of_every_service_wants_a_token(
    shared: Installation, component: str
) -> None:
    walked = 0
    async with dialled(addresses(shared)[component]) as channel:
        for name in await services(channel):
            if not name.startswith("agola."):
                continue
            service = descriptor_pool.Default().FindServiceByName(name)
            for method in service.methods:
                for token in ("", WRONG):
                    assert (method.full_name, await code_of(channel, method, token)) == (
                        method.full_name,
                        "UNAUTHENTICATED",
                    )
                walked += 1
    assert walked > 0


@pytest.mark.parametrize("component", INTERNAL)
async def test_a_user_is_nobody_inside(shared: Installation, component: str) -> None:
    async with dialled(addresses(shared)[component]) as channel:
        name = next(n for n in await services(channel) if n.startswith("agola."))
        method = descriptor_pool.Default().FindServiceByName(name).methods[0]
        assert await code_of(channel, method, shared.token) == "UNAUTHENTICATED"


async def test_the_internal_token_is_nobody_outside(shared: Installation) -> None:
    token = (shared.data_dir / "internal-token").read_text()
    async with dialled(shared.listen) as channel:
        service = descriptor_pool.Default().FindServiceByName("agola.gateway.v1.RunService")
        method = service.methods_by_name["ListRuns"]
        assert await code_of(channel, method, token) == "UNAUTHENTICATED"
        assert await code_of(channel, method, shared.token) == "OK"
