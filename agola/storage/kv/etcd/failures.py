"""etcd's errors in our words."""

import grpc

from agola.core.errors import (
    AgolaError,
    BadRequestError,
    InternalError,
    NotExistError,
    OutOfRangeError,
    UnavailableError,
)

_OUTAGES = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,  # "too many requests"; what is full says so, see below
}


def is_outage(error: grpc.aio.AioRpcError) -> bool:
    """Say whether another member, or this one later, may answer better."""
    details = _details(error)
    cut = error.code() in _OUTAGES or "RST_STREAM" in details
    return cut and "space exceeded" not in details


def was_never_sent(error: grpc.aio.AioRpcError) -> bool:
    """Say whether the request certainly reached nobody."""
    return error.code() is grpc.StatusCode.UNAVAILABLE and "failed to connect" in _details(error)


def is_stale_token(error: grpc.aio.AioRpcError) -> bool:
    """Say whether the request was refused for its token, which a new one may cure."""
    return error.code() is grpc.StatusCode.UNAUTHENTICATED or "auth store is old" in _details(error)


def translated(error: grpc.aio.AioRpcError) -> AgolaError:
    """Make the error that the port promises for *error*."""
    details = _details(error)
    if is_outage(error):
        return UnavailableError(
            f"etcd does not answer: {details}", reason="KV_UNAVAILABLE", cause=details
        )
    if "lease not found" in details:
        return NotExistError("the lease doesn't exist", reason="LEASE_DOES_NOT_EXIST")
    if "has been compacted" in details:
        return OutOfRangeError("the revision is compacted", reason="REVISION_COMPACTED")
    if "future revision" in details:
        return OutOfRangeError("the revision lies in the future", reason="REVISION_REGRESSED")
    if "too large" in details or "too many operations" in details:
        return BadRequestError(f"etcd refused: {details}", reason="KV_TXN_TOO_LARGE", cause=details)
    return InternalError(f"etcd failed: {details}", reason="KV_FAILED", cause=details)


def _details(error: grpc.aio.AioRpcError) -> str:
    return error.details() or str(error.code())
