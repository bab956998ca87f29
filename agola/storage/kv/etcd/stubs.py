"""The messages and stubs of etcd's API, out of the package `etcd3`.

The message modules of that package were generated for a protobuf that is long gone: importing them
fails.  The descriptors in them are sound, though.  So they are read from the sources, the classes
are made from them, and those stand in for the modules when `etcd3` is imported.  The pool is
private: descriptors of etcd that something else brings into the process do no harm.
"""

import ast
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message_factory import GetMessageClass

_PACKAGE = "etcd3.etcdrpc"


def _load() -> tuple[dict[str, ModuleType], Any]:
    """Make the message modules, then import the stubs that use them."""
    package = find_spec("etcd3")
    if package is None or package.origin is None:
        raise ImportError("the package etcd3 is not installed")
    sources = Path(package.origin).parent / "etcdrpc"
    pool = DescriptorPool()
    modules = {}
    for name in ("kv_pb2", "auth_pb2", "rpc_pb2"):
        modules[name] = _module(name, _serialized(sources / f"{name}.py"), pool)
        sys.modules[f"{_PACKAGE}.{name}"] = modules[name]
    from etcd3.etcdrpc import rpc_pb2_grpc  # noqa: PLC0415 - only now can it be imported

    return modules, rpc_pb2_grpc


def _serialized(source: Path) -> bytes:
    """Find the serialized descriptor in the source of a message module."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "serialized_pb":
            call = node.value
            assert isinstance(call, ast.Call)  # noqa: S101 - _b('…'), in all of them
            return str(ast.literal_eval(call.args[0])).encode("latin1")
    raise ImportError(f"no descriptor in {source}")


def _module(name: str, serialized: bytes, pool: DescriptorPool) -> ModuleType:
    """Make what protoc would make of a descriptor: a class per message, the enums' values."""
    pool.AddSerializedFile(serialized)
    file = pool.FindFileByName(descriptor_pb2.FileDescriptorProto.FromString(serialized).name)
    module = ModuleType(f"{_PACKAGE}.{name}")
    for message, descriptor in file.message_types_by_name.items():
        setattr(module, message, GetMessageClass(descriptor))
    for enum, values in file.enum_types_by_name.items():
        setattr(module, enum, EnumTypeWrapper(values))
    return module


_modules, rpc_pb2_grpc = _load()
rpc: Any = _modules["rpc_pb2"]
"""The messages of `etcdserverpb`."""
