"""Leases, kept alive."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import grpc

from agola.core.errors import InternalError, NotExistError, UnavailableError
from agola.storage.kv.etcd.cluster import TRY_SECONDS, Cluster, Metadata
from agola.storage.kv.etcd.member import Member
from agola.storage.kv.etcd.stubs import rpc
from agola.storage.kv.port import LeaseID

_log = logging.getLogger(__name__)


class HeldLease:
    """A lease and how long it surely lives: counted from before it was last asked for."""

    def __init__(self, lease: LeaseID, ttl_seconds: float, granted: float) -> None:
        self.id = lease
        self._ttl_seconds = ttl_seconds
        self._end = granted + ttl_seconds
        self._lost = asyncio.Event()

    @property
    def is_lost(self) -> bool:
        return self._lost.is_set()

    async def lost(self) -> None:
        await self._lost.wait()

    async def keep_alive(self, cluster: Cluster) -> None:
        """Renew the lease three times per life, until it is lost."""
        try:
            await self._renew_until_lost(cluster)
        finally:
            self._lost.set()

    async def _renew_until_lost(self, cluster: Cluster) -> None:
        loop = asyncio.get_running_loop()
        pause = self._ttl_seconds / 3
        while (now := loop.time()) < self._end:
            await asyncio.sleep(min(pause, self._end - now))
            asked = loop.time()
            try:
                async with asyncio.timeout_at(self._end):
                    answer = await cluster.call(self._renew, repeatable=True)
            except (UnavailableError, InternalError, TimeoutError) as error:
                _log.warning("lease %d was not renewed: %s", self.id, str(error) or "out of time")
                continue
            if answer is grpc.aio.EOF:
                continue
            if not answer.TTL:
                break
            self._end = asked + answer.TTL

    async def _renew(self, member: Member, metadata: Metadata) -> Any:
        call = member.lease.LeaseKeepAlive(timeout=TRY_SECONDS, metadata=metadata)
        try:
            await call.write(rpc.LeaseKeepAliveRequest(ID=self.id))
            return await call.read()
        finally:
            call.cancel()


@asynccontextmanager
async def leasing(cluster: Cluster, ttl: timedelta) -> AsyncGenerator[HeldLease, None]:
    """Hold a lease while the block runs.  etcd counts in seconds: *ttl* is rounded up."""
    granted = asyncio.get_running_loop().time()
    request = rpc.LeaseGrantRequest(TTL=math.ceil(ttl.total_seconds()))
    answer = await cluster.call(
        lambda member, metadata: member.lease.LeaseGrant(
            request, timeout=TRY_SECONDS, metadata=metadata
        ),
        repeatable=True,  # one that nobody heard of expires
    )
    lease = HeldLease(LeaseID(answer.ID), answer.TTL, granted)
    renewing = asyncio.create_task(lease.keep_alive(cluster))
    try:
        yield lease
    finally:
        if not lease.is_lost:
            renewing.cancel()
            with suppress(UnavailableError, NotExistError):  # then it expires, or did
                await _revoke(cluster, lease.id)


async def _revoke(cluster: Cluster, lease: LeaseID) -> None:
    request = rpc.LeaseRevokeRequest(ID=lease)
    await cluster.call(
        lambda member, metadata: member.lease.LeaseRevoke(
            request, timeout=TRY_SECONDS, metadata=metadata
        ),
        repeatable=True,
    )
