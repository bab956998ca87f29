"""What a transaction may hold, the same for every driver."""

from collections.abc import Sequence

from agola.core.errors import BadRequestError
from agola.storage.kv.port import (
    MAX_TXN_BYTES,
    MAX_TXN_OPERATIONS,
    MAX_VALUE_BYTES,
    Compare,
    Delete,
    Operation,
)


def check_txn(
    compares: Sequence[Compare], success: Sequence[Operation], failure: Sequence[Operation]
) -> None:
    """Raise BadRequestError unless every driver would take this transaction."""
    longest = max(len(compares), len(success), len(failure))
    if longest > MAX_TXN_OPERATIONS:
        raise BadRequestError(
            f"{longest} operations in a transaction, {MAX_TXN_OPERATIONS} are possible",
            reason="KV_TXN_TOO_LARGE",
            operations=str(longest),
            limit=str(MAX_TXN_OPERATIONS),
        )
    size = sum(len(compare.key) for compare in compares)
    size += sum(_size(operation) for branch in (success, failure) for operation in branch)
    if size > MAX_TXN_BYTES:
        raise BadRequestError(
            f"{size} bytes in a transaction, {MAX_TXN_BYTES} are possible",
            reason="KV_TXN_TOO_LARGE",
            size=str(size),
            limit=str(MAX_TXN_BYTES),
        )
    _check_overlap(success)
    _check_overlap(failure)


def _size(operation: Operation) -> int:
    if isinstance(operation, Delete):
        return len(operation.key)
    if len(operation.value) > MAX_VALUE_BYTES:
        raise BadRequestError(
            f"the value of {operation.key} has {len(operation.value)} bytes,"
            f" {MAX_VALUE_BYTES} are possible",
            reason="KV_VALUE_TOO_LARGE",
            key=operation.key,
            size=str(len(operation.value)),
            limit=str(MAX_VALUE_BYTES),
        )
    return len(operation.key) + len(operation.value)


def _check_overlap(branch: Sequence[Operation]) -> None:
    """No key twice: etcd refuses it, and what it would mean depends on the order."""
    seen: set[str] = set()
    for operation in branch:
        if operation.key in seen:
            raise _duplicate(operation.key)
        seen.add(operation.key)
    for wide in (o for o in branch if isinstance(o, Delete) and o.prefix):
        for other in branch:
            if other is not wide and other.key.startswith(wide.key):
                raise _duplicate(other.key)


def _duplicate(key: str) -> BadRequestError:
    return BadRequestError(f"a transaction names {key} twice", reason="KV_DUPLICATE_KEY", key=key)
