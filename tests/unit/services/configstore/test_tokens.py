"""agola.services.configstore: tokens, through a real socket and real storage."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from agola.core.errors import AlreadyExistsError, BadRequestError, NotExistError, UnauthorizedError
from tests.unit.services.configstore.conftest import Installation


async def test_a_token_stands_for_its_user(installation: Installation) -> None:
    async with installation.users() as users:
        alice = await users.create_user("alice")
        issued = await users.create_user_token("alice", "laptop", scopes=["run:read"])
        assert re.fullmatch(r"agola_[\w-]{43}", issued.value)
        identity = await users.authenticate_token(issued.value)
        assert identity.user == alice
        assert identity.token == issued.token
        assert identity.token.scopes == ("run:read",)


async def test_only_the_digest_of_a_token_is_stored(installation: Installation) -> None:
    async with installation.users() as users:
        issued = await users.create_user_token("admin", "laptop")
    stored = [path for path in installation.config.data_dir.rglob("*") if path.is_file()]
    assert stored
    assert not any(issued.value.encode() in path.read_bytes() for path in stored)


async def test_a_wrong_and_an_expired_token_are_refused(installation: Installation) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.4)
    async with installation.users() as users:
        issued = await users.create_user_token("admin", "short", expire_time=soon)
        await users.authenticate_token(issued.value)
        reason = ""
        while not reason:
            try:
                await users.authenticate_token(issued.value)
            except UnauthorizedError as error:
                reason = error.reason
        assert reason == "TOKEN_EXPIRED"
        with pytest.raises(UnauthorizedError) as caught:
            await users.authenticate_token(issued.value[:-1])
    assert caught.value.reason == "TOKEN_INVALID"


async def test_a_revoked_token_is_refused_at_once(installation: Installation) -> None:
    async with installation.users() as users:
        issued = await users.create_user_token("admin", "laptop")
        await users.authenticate_token(issued.value)
        await users.delete_user_token("admin", "laptop")
        with pytest.raises(UnauthorizedError):
            await users.authenticate_token(issued.value)
        with pytest.raises(NotExistError) as caught:
            await users.delete_user_token("admin", "laptop")
    assert caught.value.reason == "USER_TOKEN_DOES_NOT_EXIST"


async def test_a_repeated_request_gives_the_same_token_with_a_new_value(
    installation: Installation,
) -> None:
    request_id = str(uuid.uuid4())
    async with installation.users() as users:
        first = await users.create_user_token("admin", "laptop", request_id=request_id)
        second = await users.create_user_token("admin", "laptop", request_id=request_id)
        assert second.token.id == first.token.id
        with pytest.raises(UnauthorizedError):
            await users.authenticate_token(first.value)
        assert (await users.authenticate_token(second.value)).token.id == first.token.id
        with pytest.raises(AlreadyExistsError) as caught:
            await users.create_user_token("admin", "laptop")
    assert caught.value.reason == "USER_TOKEN_ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("name", "scopes", "expires_in", "reason"),
    [
        ("a_b", [], 60, "USER_TOKEN_NAME_INVALID"),
        ("ok", ["everything"], 60, "USER_TOKEN_SCOPE_INVALID"),
        ("ok", ["run:read"] * 33, 60, "USER_TOKEN_SCOPE_INVALID"),
        ("ok", [], -60, "USER_TOKEN_EXPIRE_TIME_INVALID"),
    ],
)
async def test_a_token_that_cannot_be_is_refused(
    installation: Installation, name: str, scopes: list[str], expires_in: int, reason: str
) -> None:
    expire_time = datetime.now(UTC) + timedelta(seconds=expires_in)
    async with installation.users() as users:
        with pytest.raises(BadRequestError) as caught:
            await users.create_user_token("admin", name, scopes=scopes, expire_time=expire_time)
    assert caught.value.reason == reason


async def test_tokens_are_listed_in_pages_by_name(installation: Installation) -> None:
    async with installation.users() as users:
        await users.create_user("alice")
        for name in ("c", "a", "b"):
            await users.create_user_token("alice", name)
        first = await users.list_user_tokens("alice", page_size=2)
        rest = await users.list_user_tokens("alice", page_size=2, page_token=first.next_token)
    assert [each.name for each in (*first.items, *rest.items)] == ["a", "b", "c"]
    assert not rest.next_token


async def test_the_hour_of_the_last_use_is_recorded_though_nobody_waits_for_it(
    installation: Installation,
) -> None:
    async with installation.users() as users:
        issued = await users.create_user_token("admin", "laptop")
        before = datetime.now(UTC)
        await users.authenticate_token(issued.value)
        used = None
        while used is None:
            [*_, token] = (await users.list_user_tokens("admin")).items
            used = token.last_use_time
    assert (used.minute, used.second, used.microsecond) == (0, 0, 0)
    assert before - used <= timedelta(hours=1)
