"""The key-value store in etcd, below a prefix."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any

from agola.config.model import EtcdKeyValue
from agola.core.errors import OutOfRangeError
from agola.storage.kv.etcd.cluster import TRY_SECONDS, Cluster, dialling
from agola.storage.kv.etcd.compacting import compacting
from agola.storage.kv.etcd.leasing import leasing
from agola.storage.kv.etcd.stubs import rpc
from agola.storage.kv.etcd.watching import Watch
from agola.storage.kv.limits import check_txn
from agola.storage.kv.locking import locking
from agola.storage.kv.port import (
    Changes,
    Compare,
    Delete,
    Entry,
    KeyValue,
    Lease,
    LeaseID,
    Lock,
    Operation,
    Outcome,
    Page,
    Revision,
)
from agola.storage.kv.prefixes import end_of, first_from


@asynccontextmanager
async def opening(config: EtcdKeyValue, component: str) -> AsyncGenerator[KeyValue, None]:
    """Use the cluster of *config* for *component*; whether it answers, the first call says."""
    async with dialling(config) as cluster:
        store = _EtcdKeyValue(cluster, f"{config.prefix}{component}/")
        forgetting = asyncio.create_task(compacting(store))
        try:
            yield store
        finally:
            forgetting.cancel()
            await asyncio.wait([forgetting])


class _EtcdKeyValue:
    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    async def get(self, key: str) -> Entry | None:
        answer = await self._kv("Range", rpc.RangeRequest(key=self._raw(key)))
        return self._entry(answer.kvs[0]) if answer.kvs else None

    async def range(
        self, prefix: str, *, after: str = "", limit: int = 0, revision: Revision | None = None
    ) -> Page:
        request = rpc.RangeRequest(
            key=first_from(self._namespace + prefix, after and self._namespace + after),
            range_end=end_of(self._namespace + prefix),
            limit=limit,
            revision=0 if revision is None else max(revision, 1),  # 0 is "now" to etcd
        )
        answer = await self._kv("Range", request)
        entries = tuple(self._entry(kv) for kv in answer.kvs)
        now = Revision(answer.header.revision)
        return Page(entries, now if revision is None else revision, answer.more)

    async def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
    ) -> Outcome:
        check_txn(compares, success, failure)
        request = rpc.TxnRequest(
            compare=[self._compare(compare) for compare in compares],
            success=[self._operation(operation) for operation in success],
            failure=[self._operation(operation) for operation in failure],
        )
        answer = await self._kv("Txn", request, repeatable=not (success or failure))
        return Outcome(answer.succeeded, Revision(answer.header.revision))

    async def watch(
        self, prefix: str, *, after: Revision, previous: bool = False
    ) -> AsyncGenerator[Changes, None]:
        first, end = self._raw(prefix), end_of(self._namespace + prefix)
        watch = Watch(self._cluster, first, end, previous=previous)
        async with aclosing(watch.told(after, self._entry)) as stream:
            async for changes in stream:
                yield changes

    def lease(self, ttl: timedelta) -> AbstractAsyncContextManager[Lease]:
        return leasing(self._cluster, ttl)

    def lock(self, name: str, *, ttl: timedelta) -> AbstractAsyncContextManager[Lock]:
        return locking(self, name, ttl)

    async def compact(self, revision: Revision) -> None:
        try:
            await self._kv("Compact", rpc.CompactionRequest(revision=revision))
        except OutOfRangeError as error:
            if error.reason != "REVISION_COMPACTED":  # what is done is done
                raise

    async def _kv(self, method: str, request: Any, *, repeatable: bool = True) -> Any:
        return await self._cluster.call(
            lambda member, metadata: getattr(member.kv, method)(
                request, timeout=TRY_SECONDS, metadata=metadata
            ),
            repeatable=repeatable,
        )

    def _raw(self, key: str) -> bytes:
        return (self._namespace + key).encode()

    def _compare(self, compare: Compare) -> Any:
        return rpc.Compare(
            key=self._raw(compare.key),
            target=rpc.Compare.MOD,
            result=rpc.Compare.EQUAL,
            mod_revision=compare.mod_revision,
        )

    def _operation(self, operation: Operation) -> Any:
        key = self._raw(operation.key)
        if isinstance(operation, Delete):
            end = end_of(self._namespace + operation.key) if operation.prefix else b""
            return rpc.RequestOp(
                request_delete_range=rpc.DeleteRangeRequest(key=key, range_end=end)
            )
        put = rpc.PutRequest(key=key, value=operation.value, lease=operation.lease or 0)
        return rpc.RequestOp(request_put=put)

    def _entry(self, kv: Any) -> Entry:
        return Entry(
            key=kv.key.decode().removeprefix(self._namespace),
            value=kv.value,
            create_revision=Revision(kv.create_revision),
            mod_revision=Revision(kv.mod_revision),
            version=kv.version,
            lease=LeaseID(kv.lease) if kv.lease else None,
        )
