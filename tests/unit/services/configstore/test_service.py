"""agola.services.configstore.service: first starts, restarts, and what is left after losses."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from agola.core.errors import UnauthorizedError, UnimplementedError
from agola.model.user import Identity
from agola.rpc import calls
from generated.agola.configstore.v1 import secret_service_pb2
from generated.agola.configstore.v1.secret_service_pb2_grpc import SecretServiceStub
from tests.unit.services.configstore.conftest import Installation


async def test_the_first_start_announces_a_token_of_an_administrator_once(
    installation: Installation,
) -> None:
    async with installation.users() as users:
        [token] = installation.announced
        identity: Identity = await users.authenticate_token(token)
        assert identity.user.name == "admin"
        assert identity.user.admin
    async with installation.users() as users:
        assert (await users.authenticate_token(token)).user == identity.user
    assert installation.announced == [token]


async def test_a_configured_admin_token_is_used_and_not_announced(
    installation: Installation,
) -> None:
    installation = installation.with_admin_token("chosen by hand")
    async with installation.users() as users:
        assert (await users.authenticate_token("chosen by hand")).user.name == "admin"
    assert installation.announced == []


@pytest.mark.parametrize(
    "lose",
    [
        lambda _: None,
        Installation.lose_read_database,
        Installation.lose_key_value,
        lambda each: (each.lose_key_value(), each.lose_read_database()),
    ],
    ids=["nothing lost", "read database lost", "key-value store lost", "both lost"],
)
async def test_a_restart_finds_everything_again(
    installation: Installation, lose: Callable[[Installation], object]
) -> None:
    async with installation.users() as users:
        alice = await users.create_user("alice")
        gone = await users.create_user("gone")
        token = await users.create_user_token("alice", "laptop")
        await users.delete_user(gone.id)
    lose(installation)
    async with installation.users() as users:
        assert await users.get_user("alice") == alice
        assert (await users.authenticate_token(token.value)).user == alice
        assert [each.name for each in (await users.list_users()).items] == ["admin", "alice"]
        await users.create_user("gone")
    assert len(installation.announced) == 1


async def test_every_service_of_the_package_is_there(installation: Installation) -> None:
    async with installation.channel() as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub  # its stubs know no asyncio
        call = stub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services="*"))
        names = {each.name for each in (await call.read()).list_services_response.service}
        await call.done_writing()
        secrets = SecretServiceStub(channel)
        with pytest.raises(UnimplementedError) as caught:
            await calls.unary(secrets.ListSecrets(secret_service_pb2.ListSecretsRequest()))
    assert caught.value.reason == "NOT_YET_IMPLEMENTED"
    nouns = (
        "Invitation LinkedAccount Maintenance Organization Project ProjectGroup RemoteSource"
        " Secret User Variable"
    )
    assert names >= {f"agola.configstore.v1.{noun}Service" for noun in nouns.split()}


async def test_strangers_are_refused(installation: Installation) -> None:
    async with installation.channel():
        target = installation.config.configstore.target
        async with grpc.aio.insecure_channel(target) as stranger:
            call = SecretServiceStub(stranger).ListSecrets(secret_service_pb2.ListSecretsRequest())
            with pytest.raises(UnauthorizedError):
                await calls.unary(call)
