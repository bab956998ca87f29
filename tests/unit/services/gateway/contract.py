"""Every rpc of the public API, as the contract has it."""

import importlib

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from agola.rpc.status import from_rpc_error
from tests.unit.services.gateway.house import House

RPCS: list[MethodDescriptor] = [
    method
    for mount in House().mounts()
    for method in Default().FindServiceByName(mount.name).methods
]


def documentation(rpc: MethodDescriptor) -> str:
    """Give what the contract says about an rpc."""
    service = rpc.containing_service
    file = service.file.name.removesuffix(".proto").replace("/", ".")
    calls = importlib.import_module(f"generated.{file}_pb2_grpc")
    return str(getattr(getattr(calls, f"{service.name}Servicer"), rpc.name).__doc__)


async def reason_of_an_empty_call(channel: grpc.aio.Channel, rpc: MethodDescriptor) -> str:
    """Call an rpc with an empty request, and give the reason of the error (none: empty)."""
    try:
        await _call(channel, rpc)
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error).reason
    return ""


async def _call(channel: grpc.aio.Channel, rpc: MethodDescriptor) -> None:
    path = f"/{rpc.containing_service.full_name}/{rpc.name}"
    empty = GetMessageClass(rpc.input_type)()
    parse = GetMessageClass(rpc.output_type).FromString
    if rpc.client_streaming:
        upload = channel.stream_unary(path, Message.SerializeToString, parse)
        await upload(iter([empty]))
    elif rpc.server_streaming:
        download = channel.unary_stream(path, Message.SerializeToString, parse)
        async for _ in download(empty):
            pass
    else:
        await channel.unary_unary(path, Message.SerializeToString, parse)(empty)
