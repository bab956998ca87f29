"""The gateway as it is started, with nothing behind it and then with something."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from msgspec import structs

from agola import __version__
from agola.clients.gateway import AuthClient, RunClient
from agola.config.load import with_addresses
from agola.config.model import Config, Gateway
from agola.core.errors import UnauthorizedError, UnavailableError
from agola.rpc.auth import InternalToken
from agola.rpc.channel import dial
from agola.rpc.server import serving
from agola.services.gateway import service
from tests.fakes.user_tokens import FakeUserTokens
from tests.unit.services.gateway.users import ALICE

INTERNAL_TOKEN = "the-internal-token"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    filled = with_addresses(
        Config(data_dir=tmp_path, runtime_dir=tmp_path, internal_token=INTERNAL_TOKEN)
    )
    return structs.replace(filled, gateway=Gateway(listen=f"unix:{tmp_path}/gateway.sock"))


async def version(auth: AuthClient) -> str:
    """Ask until the gateway has found the configstore: it looks again after a moment."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await auth.get_server_version()
            except UnavailableError:
                continue


async def test_it_comes_up_first_and_answers_when_the_others_are_there(config: Config) -> None:
    async with (
        service.serving(config),
        dial(config.gateway.listen, token="alice") as channel,
    ):
        auth = AuthClient(channel)
        with pytest.raises(UnavailableError):
            await auth.get_server_version()
        async with serving(
            [FakeUserTokens({"alice": ALICE.id}).mount()],
            address=config.configstore.listen,
            authenticate=InternalToken(INTERNAL_TOKEN),
            drain=0,
        ):
            assert await version(auth) == __version__
            with pytest.raises(UnavailableError):
                await RunClient(channel).list_runs()


async def test_the_token_of_the_services_is_no_users_token(config: Config) -> None:
    async with (
        serving(
            [FakeUserTokens({}).mount()],
            address=config.configstore.listen,
            authenticate=InternalToken(INTERNAL_TOKEN),
            drain=0,
        ),
        service.serving(config),
        dial(config.gateway.listen, token=INTERNAL_TOKEN) as channel,
    ):
        with pytest.raises(UnauthorizedError):
            await AuthClient(channel).get_server_version()


async def test_health_is_for_everybody(config: Config) -> None:
    async with (
        service.serving(config),
        grpc.aio.insecure_channel(config.gateway.listen) as channel,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
