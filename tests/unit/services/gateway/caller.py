"""Those who call the gateway."""

from contextlib import AsyncExitStack

import grpc

from agola.clients.gateway import (
    AuthClient,
    ConfigClient,
    DirectRunClient,
    EncryptionKeyClient,
    ExecutorRegistryClient,
    LogClient,
    MaintenanceClient,
    RunClient,
    UserClient,
)
from tests.unit.services.gateway.house import House


class Caller:
    """Somebody who calls the gateway."""

    def __init__(self, house: House, stack: AsyncExitStack) -> None:
        self._house = house
        self._stack = stack

    async def __call__(self, token: str) -> "Calls":
        channel = await self._stack.enter_async_context(self._house.dial(token))
        return Calls(channel)


class Calls:
    """All clients of one caller."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.auth = AuthClient(channel)
        self.users = UserClient(channel)
        self.runs = RunClient(channel)
        self.direct_runs = DirectRunClient(channel)
        self.logs = LogClient(channel)
        self.executors = ExecutorRegistryClient(channel)
        self.configs = ConfigClient(channel)
        self.encryption_keys = EncryptionKeyClient(channel)
        self.maintenance = MaintenanceClient(channel)
