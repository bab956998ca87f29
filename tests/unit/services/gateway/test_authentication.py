"""Who calls, and who is let in."""

from datetime import timedelta

import pytest

from agola import __version__
from agola.clients.gateway import AuthClient
from agola.core.errors import UnauthorizedError, UnavailableError
from tests.unit.services.gateway.caller import Caller
from tests.unit.services.gateway.contract import RPCS, documentation, reason_of_an_empty_call
from tests.unit.services.gateway.house import House
from tests.unit.services.gateway.users import ALICE


@pytest.mark.parametrize(("token", "reason"), [("", "TOKEN_REQUIRED"), ("wrong", "TOKEN_INVALID")])
async def test_no_rpc_answers_without_a_token_that_is_known(
    house: House, token: str, reason: str
) -> None:
    async with house.dial(token) as channel:
        reasons = {rpc.full_name: await reason_of_an_empty_call(channel, rpc) for rpc in RPCS}
    assert reasons == dict.fromkeys(reasons, reason)


async def test_what_the_contract_leaves_for_later_says_so_and_nothing_else_does(
    house: House,
) -> None:
    async with house.dial("admin") as channel:
        reasons = {rpc.full_name: await reason_of_an_empty_call(channel, rpc) for rpc in RPCS}
    later = {rpc.full_name for rpc in RPCS if "NOT_YET_IMPLEMENTED" in documentation(rpc)}
    assert {rpc for rpc, reason in reasons.items() if reason == "NOT_YET_IMPLEMENTED"} == later


async def test_a_token_says_who_calls(calling: Caller) -> None:
    alice = await calling("alice")
    assert await alice.auth.get_current_user() == ALICE
    assert await alice.auth.get_server_version() == __version__


async def test_a_caller_who_was_here_a_moment_ago_is_known(house: House, calling: Caller) -> None:
    alice = await calling("alice")
    await alice.auth.get_server_version()
    await alice.auth.get_server_version()
    assert house.users.asked == 1
    house.clock.passed += timedelta(seconds=5)
    await alice.auth.get_server_version()
    assert house.users.asked == 2


async def test_a_revoked_token_is_refused_within_moments(house: House, calling: Caller) -> None:
    alice = await calling("alice")
    await alice.auth.get_server_version()
    del house.users.tokens["alice"]
    house.clock.passed += timedelta(seconds=5)
    with pytest.raises(UnauthorizedError) as caught:
        await alice.auth.get_server_version()
    assert caught.value.reason == "TOKEN_INVALID"


async def test_an_expired_token_is_not_remembered(house: House, calling: Caller) -> None:
    house.users.add_token(ALICE, "short", expire=house.clock.now() + timedelta(seconds=2))
    alice = await calling("short")
    await alice.auth.get_server_version()
    house.clock.passed += timedelta(seconds=2)
    await alice.auth.get_server_version()
    assert house.users.asked == 2


async def test_callers_wait_for_a_configstore_that_is_gone(house: House) -> None:
    house.users.gone = True
    async with house.dial("alice") as channel:
        with pytest.raises(UnavailableError):
            await AuthClient(channel).get_server_version()
