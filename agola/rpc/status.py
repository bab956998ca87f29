"""AgolaError to gRPC status, and back.  The only table of status codes in the project."""

import grpc
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from agola.core.errors import (
    AgolaError,
    ExhaustedError,
    InternalError,
    Kind,
    UnavailableError,
    UnimplementedError,
    of_kind,
    underlying,
)

DOMAIN = "agola.io"
INTERNAL = "INTERNAL"
UNREACHABLE = "UNREACHABLE"

MAX_MESSAGE_BYTES = 1000
MAX_METADATA_BYTES = 250
"""How much of a message, and of each variable of it, is sent: what a caller wrote may be in them,
and a status of more than 8 KiB does not arrive at all."""

CODES: dict[Kind, grpc.StatusCode] = {
    Kind.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.NOT_EXIST: grpc.StatusCode.NOT_FOUND,
    Kind.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Kind.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    Kind.PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.CONCURRENCY: grpc.StatusCode.ABORTED,
    Kind.OUT_OF_RANGE: grpc.StatusCode.OUT_OF_RANGE,
    Kind.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Kind.UNIMPLEMENTED: grpc.StatusCode.UNIMPLEMENTED,
    Kind.INTERNAL: grpc.StatusCode.INTERNAL,
}
KINDS = {code: kind for kind, code in CODES.items()} | {
    grpc.StatusCode.DEADLINE_EXCEEDED: Kind.UNAVAILABLE,
    grpc.StatusCode.CANCELLED: Kind.UNAVAILABLE,  # by the other side; ours is a CancelledError
}


def to_status(error: Exception) -> grpc.Status:
    """Describe *error* to a caller.  What we did not mean to raise stays private."""
    known = underlying(error) or _unforeseen(error)
    message = _cut(known.message, MAX_MESSAGE_BYTES)
    status = Status(code=CODES[known.kind].value[0], message=message)
    metadata = {name: _cut(text, MAX_METADATA_BYTES) for name, text in known.metadata.items()}
    status.details.add().Pack(ErrorInfo(reason=known.reason, domain=DOMAIN, metadata=metadata))
    if isinstance(known, UnavailableError | ExhaustedError):
        retry = RetryInfo()
        retry.retry_delay.FromTimedelta(known.retry_after)
        status.details.add().Pack(retry)
    return rpc_status.to_status(status)


def _cut(text: str, limit: int) -> str:
    data = text.encode(errors="replace")
    return text if len(data) <= limit else data[:limit].decode(errors="ignore") + "…"


def _unforeseen(error: Exception) -> AgolaError:
    if isinstance(error, NotImplementedError):  # the generated base answers so
        return UnimplementedError(
            "this server does not answer this call yet", reason="NOT_YET_IMPLEMENTED"
        )
    return InternalError("internal error", reason=INTERNAL)


def from_rpc_error(error: grpc.aio.AioRpcError) -> AgolaError:
    """Turn what a client call raised into the error that the other service meant.

    Wrap the result with context, never the other way round: the type must stay on top.
    """
    kind = KINDS.get(error.code(), Kind.INTERNAL)
    info = ErrorInfo()
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # stubs miss aio
    if status is None or not any(detail.Unpack(info) for detail in status.details):
        return _unreachable(kind, error)
    return of_kind(kind, error.details() or "", reason=info.reason, **info.metadata)


def _unreachable(kind: Kind, error: grpc.aio.AioRpcError) -> AgolaError:
    """Say that nobody of ours answered.  What gRPC says, with addresses, is a note for logs."""
    status = error.code().name
    message = f"the service behind this cannot be reached: {status}"
    unreachable = of_kind(kind, message, reason=UNREACHABLE, status=status)
    unreachable.add_note(error.details() or status)
    return unreachable
