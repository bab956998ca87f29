"""Services that are there and refuse every call, while theirs is set aside."""

import pkgutil
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType

import grpc

from agola.core.errors import AgolaError
from agola.rpc.handlers import Context, Handler, MaybeHandler
from agola.rpc.server import Mount

NONE: Mapping[str, Handler] = MappingProxyType({})


def closing(package: str, error: Callable[[], AgolaError], *, but: Sequence[Mount]) -> list[Mount]:
    """Mount *but*, and what else a package such as `agola.runservice.v1` has, to refuse calls."""
    known = {mount.name for mount in but}
    others = [name for name in _service_names(package) if name not in known]
    return [*but, *(refusing(name, error) for name in others)]


def refusing(
    name: str, error: Callable[[], AgolaError], *, answering: Mapping[str, Handler] = NONE
) -> Mount:
    """Mount a service all of whose calls end with *error*, but for those that are *answering*."""
    refusal = _Refusal(name, error, answering)
    return Mount(name, lambda server: server.add_generic_rpc_handlers((refusal,)), serving=False)


class _Refusal(grpc.GenericRpcHandler):
    """Answers to every method of a service, those that nobody knows, too.

    For a caller who gets no answer but a status, it makes no difference how many messages there
    could have been.
    """

    def __init__(
        self, name: str, error: Callable[[], AgolaError], answering: Mapping[str, Handler]
    ) -> None:
        self._name = name
        self._error = error
        self._answering = answering
        self._refuse: Handler = grpc.stream_stream_rpc_method_handler(self._nothing)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> MaybeHandler:
        name, _, method = handler_call_details.method.removeprefix("/").rpartition("/")
        return self._answering.get(method, self._refuse) if name == self._name else None

    async def _nothing(self, requests: object, context: Context) -> AsyncGenerator[bytes, None]:
        raise self._error()
        yield b""


def _service_names(package: str) -> list[str]:
    modules = pkgutil.iter_modules(import_module(f"generated.{package}").__path__)
    names = [module.name for module in modules if module.name.endswith("_service_pb2")]
    files = [import_module(f"generated.{package}.{name}").DESCRIPTOR for name in names]
    return [service.full_name for file in files for service in file.services_by_name.values()]
