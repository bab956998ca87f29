"""A connection to the gateway, for the length of one command."""

import argparse
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agola.cli.credentials import Access, access
from agola.cli.failures import typed
from agola.clients.gateway import (
    AuthClient,
    DirectRunClient,
    EncryptionKeyClient,
    LogClient,
    MaintenanceClient,
    RunClient,
    UserClient,
)
from agola.core.errors import UnavailableError
from agola.rpc.channel import dial
from agola.rpc.status import UNREACHABLE


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gateway's services, called with the user's token."""

    access: Access
    auth: AuthClient
    users: UserClient
    runs: RunClient
    logs: LogClient
    direct_runs: DirectRunClient
    encryption_keys: EncryptionKeyClient
    maintenance: MaintenanceClient


@asynccontextmanager
async def connected(args: argparse.Namespace) -> AsyncGenerator[Gateway, None]:
    """Give the gateway that the arguments, the environment or the last login name.

    UnauthorizedError: TOKEN_REQUIRED.  UnavailableError: UNREACHABLE, in words for people.
    """
    async with to(access(args)) as gateway:
        yield gateway


@asynccontextmanager
async def to(whom: Access) -> AsyncGenerator[Gateway, None]:
    """Give the gateway at *whom*."""
    async with dial(whom.target, token=whom.known_token) as channel:
        gateway = Gateway(
            access=whom,
            auth=AuthClient(channel),
            users=UserClient(channel),
            runs=RunClient(channel),
            logs=LogClient(channel),
            direct_runs=DirectRunClient(channel),
            encryption_keys=EncryptionKeyClient(channel),
            maintenance=MaintenanceClient(channel),
        )
        try:
            yield gateway
        except Exception as error:
            known = typed(error)
            if not isinstance(known, UnavailableError) or known.reason != UNREACHABLE:
                raise
            said = getattr(known, "__notes__", ())  # by gRPC; if it is silent, the gateway spoke
            if not said:
                raise
            why = _in_words(said[0])
            message = f"cannot reach the gateway at {whom.url}: {why}"
            raise UnavailableError(message, reason=UNREACHABLE, url=whom.url, why=why) from error


def _in_words(said: str) -> str:
    """Say what gRPC says, as far as people can do something about it."""
    if "http1.x server" in said or "Failed parsing HTTP/2" in said:
        return "what answers there is something else; git, for one, is served at another port"
    if said == "Deadline Exceeded":
        return "it does not answer in time"
    if "Connection reset by peer" in said:
        return "the connection was broken off"
    return said.rpartition(": ")[2]
