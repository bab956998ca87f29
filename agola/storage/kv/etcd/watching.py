"""Watches that outlive the members that serve them."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import aclosing, contextmanager
from itertools import groupby
from typing import Any

import grpc

from agola.core.errors import UnavailableError
from agola.storage.kv.etcd.cluster import TRY_SECONDS, Cluster, pause
from agola.storage.kv.etcd.failures import is_outage, is_stale_token, translated
from agola.storage.kv.etcd.member import Member
from agola.storage.kv.etcd.stubs import rpc
from agola.storage.kv.port import Change, Changes, Entry, Revision
from agola.storage.kv.revisions import compacted, regressed

_log = logging.getLogger(__name__)

ReadEntry = Callable[[Any], Entry]


class _DisconnectedError(Exception):
    """The stream ended, or its member hangs."""


class Watch:
    """One watch: everything below a prefix of raw keys, after a revision."""

    def __init__(self, cluster: Cluster, prefix: bytes, end: bytes, *, previous: bool) -> None:
        self._cluster = cluster
        self._prefix = prefix
        self._end = end
        self._previous = previous
        self._cluster_id: int | None = None

    async def told(self, after: Revision, read: ReadEntry) -> AsyncGenerator[Changes, None]:
        """Tell what happens after *after*, on whichever member, as long as somebody listens."""
        failures = 0
        while True:
            try:
                await self._check(after)
                async with aclosing(self._stream(after)) as responses:
                    async for response in responses:
                        failures = 0
                        for changes in _grouped(response, after, read):
                            yield changes
                            after = changes.revision
            except (_DisconnectedError, UnavailableError) as error:
                _log.info("watch lost its member, it goes on after %d: %s", after, error)
            await asyncio.sleep(pause(failures) if failures else 0)
            failures += 1

    async def _check(self, after: Revision) -> None:
        """See that the store is still the one that *after* comes from, and as old.

        The read is linearizable: a member that lags behind is no store that went back.
        """
        request = rpc.RangeRequest(key=self._prefix, count_only=True)
        answer = await self._cluster.call(
            lambda member, metadata: member.kv.Range(
                request, timeout=TRY_SECONDS, metadata=metadata
            ),
            repeatable=True,
        )
        header = answer.header
        if self._cluster_id not in (None, header.cluster_id) or header.revision < after:
            raise regressed(after, header.revision)
        self._cluster_id = header.cluster_id

    async def _stream(self, after: Revision) -> AsyncGenerator[Any, None]:
        """Read the responses of one member until it fails: _DisconnectedError."""
        member = self._cluster.member
        with self._leaving(member):
            call = member.watch.Watch(metadata=await self._cluster.metadata(member))
            member.streams.add(call)
            try:
                async with asyncio.timeout(TRY_SECONDS):
                    await call.write(self._request(after))
                    response = await call.read()
                while response is not grpc.aio.EOF:
                    self._check_response(response, after)
                    yield response
                    response = await call.read()
            finally:
                member.streams.discard(call)
                call.cancel()
            raise _DisconnectedError("the stream ended")

    @contextmanager
    def _leaving(self, member: Member) -> Generator[None, None, None]:
        """Leave *member* when the stream fails in a way that another may not."""
        try:
            yield
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise _DisconnectedError("its member is suspected to hang") from None
        except grpc.aio.AioRpcError as error:
            if is_stale_token(error):
                self._cluster.forget_token()
            elif not is_outage(error) and error.code() is not grpc.StatusCode.UNKNOWN:
                raise translated(error) from error
            self._cluster.leave(member)
            raise _DisconnectedError(error.details()) from error
        except TimeoutError as error:
            self._cluster.leave(member)
            raise _DisconnectedError("it does not answer") from error
        except _DisconnectedError:
            self._cluster.leave(member)
            raise

    def _request(self, after: Revision) -> Any:
        return rpc.WatchRequest(
            create_request=rpc.WatchCreateRequest(
                key=self._prefix,
                range_end=self._end,
                start_revision=after + 1,
                progress_notify=True,
                prev_kv=self._previous,
            )
        )

    def _check_response(self, response: Any, after: Revision) -> None:
        if response.compact_revision:
            raise compacted(after, response.compact_revision)
        if response.canceled:
            self._cluster.forget_token()  # the usual cause, which etcd does not name reliably
            raise _DisconnectedError(response.cancel_reason or "etcd cancelled the watch")


def _grouped(response: Any, after: Revision, read: ReadEntry) -> Iterable[Changes]:
    """Cut a response into transactions; etcd promises not to split one over two responses."""
    if not response.events:
        if not response.created and response.header.revision > after:
            yield Changes(Revision(response.header.revision), ())
        return
    for revision, events in groupby(response.events, key=lambda event: int(event.kv.mod_revision)):
        if revision <= after:  # seen with etcd 3.4 after partitions
            raise regressed(after, revision)
        yield Changes(Revision(revision), tuple(_change(event, read) for event in events))


def _change(event: Any, read: ReadEntry) -> Change:
    previous = read(event.prev_kv) if event.HasField("prev_kv") else None
    entry = read(event.kv)
    return Change(entry.key, None if event.type else entry, previous)
