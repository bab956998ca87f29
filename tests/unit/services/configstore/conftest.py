"""A configstore as it is served, on real storage in a directory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from msgspec import structs

from agola.clients.configstore import UserClient
from agola.config.model import Config, Internal
from agola.rpc.channel import dial
from agola.services.configstore import service

TOKEN = "the-internal-token"


@dataclass
class Installation:
    """One data directory, started as often as one likes."""

    config: Config
    announced: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def channel(self) -> AsyncGenerator[grpc.aio.Channel, None]:
        async with (
            service.serving(self.config, announce=self.announced.append),
            dial(self.config.configstore.target, token=TOKEN) as channel,
        ):
            yield channel

    @asynccontextmanager
    async def users(self) -> AsyncGenerator[UserClient, None]:
        async with self.channel() as channel:
            yield UserClient(channel)

    def lose_key_value(self) -> None:
        for file in (self.config.data_dir / "configstore").glob("kv.db*"):
            file.unlink()

    def lose_read_database(self) -> None:
        for file in (self.config.data_dir / "configstore").glob("read.db*"):
            file.unlink()

    def with_admin_token(self, token: str) -> "Installation":
        return Installation(structs.replace(self.config, admin_token=token))


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    address = f"unix:{tmp_path}/configstore.sock"
    return Installation(
        Config(
            data_dir=tmp_path,
            runtime_dir=tmp_path,
            internal_token=TOKEN,
            configstore=Internal(listen=address, target=address),
        )
    )
