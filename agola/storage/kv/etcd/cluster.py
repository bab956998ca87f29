"""An etcd cluster: which member to ask, and what to do when it does not answer."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any

import grpc

from agola.config.model import EtcdKeyValue
from agola.core.errors import UnavailableError
from agola.storage.kv.etcd.failures import is_outage, is_stale_token, translated, was_never_sent
from agola.storage.kv.etcd.member import Member, credentials
from agola.storage.kv.etcd.stubs import rpc

TRY_SECONDS = 2.0
"""How long one member may take to answer."""

PATIENCE_SECONDS = 8.0
"""How long a request that may be repeated is tried with all of them: less than callers wait, who
want to be told why."""

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0

Metadata = tuple[tuple[str, str], ...]
Ask = Callable[[Member, Metadata], Awaitable[Any]]


class Cluster:
    """Members that are asked in turn: the same one until it fails, then the next.

    gRPC's own balancing either never leaves a member that hangs, or returns to it for every
    n-th call.
    """

    def __init__(self, members: list[Member], username: str, password: str) -> None:
        self._members = members
        self._at = 0
        self._username = username
        self._password = password
        self._token = ""

    @property
    def member(self) -> Member:
        """The one to ask now."""
        return self._members[self._at]

    def leave(self, member: Member) -> None:
        """Go on to the next member, unless somebody did already."""
        if member is self.member:
            self._at = (self._at + 1) % len(self._members)
        member.suspect()

    async def call(self, ask: Ask, *, repeatable: bool) -> Any:
        """Ask one member after the other.

        With *repeatable* until one answers or patience ends; otherwise only as long as it is
        certain that no member has the request: one that may have been carried out, or may still
        be, is an UnavailableError.
        """
        refreshed = False
        for rest in self._rests():
            member = self.member
            try:
                return await self._ask(ask, member)
            except grpc.aio.AioRpcError as error:
                if is_stale_token(error) and self._token and not refreshed:
                    self._token, refreshed = "", True  # nothing was done: it may be repeated
                elif not is_outage(error):
                    raise translated(error) from error
                else:
                    self.leave(member)
                    if rest is None or not (repeatable or was_never_sent(error)):
                        raise translated(error) from error
            await asyncio.sleep(rest or 0)
        raise UnavailableError("etcd takes no token of ours", reason="KV_UNAVAILABLE")

    async def _ask(self, ask: Ask, member: Member) -> Any:
        return await ask(member, await self.metadata(member))

    def _rests(self) -> Iterator[float | None]:
        """Say how long to rest after each try: not at all until all were asked; None at last."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_SECONDS
        for tries in count(1):
            if loop.time() >= end:
                break
            yield 0 if tries % len(self._members) else pause(tries // len(self._members))
        yield None

    async def metadata(self, member: Member) -> Metadata:
        """Say what every call carries.

        A member without a leader must refuse it, not serve what is old.
        """
        if self._username and not self._token:
            request = rpc.AuthenticateRequest(name=self._username, password=self._password)
            answer = await member.auth.Authenticate(request, timeout=TRY_SECONDS)
            self._token = answer.token
        token = (("token", self._token),) if self._token else ()
        return (("hasleader", "true"), *token)

    def forget_token(self) -> None:
        """Ask for a new token before the next call."""
        self._token = ""


def pause(times: int) -> float:
    """Say how many seconds to wait after having failed so often, with jitter."""
    longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(times, 8))
    return longest * random.uniform(0.5, 1)  # noqa: S311 - not for secrets


@asynccontextmanager
async def dialling(config: EtcdKeyValue) -> AsyncGenerator[Cluster, None]:
    """Know the cluster that *config* names; connections are made when they are needed."""
    secrets = credentials(config)
    async with AsyncExitStack() as stack:
        members = [Member(endpoint, secrets) for endpoint in config.endpoints]
        for member in members:
            stack.push_async_callback(member.channel.close)
        yield Cluster(members, config.username, config.password)
