"""agola.services.configstore: users, through a real socket and real storage."""

import asyncio
import uuid

import pytest

from agola.core.errors import (
    AgolaError,
    AlreadyExistsError,
    BadRequestError,
    ConcurrencyError,
    NotExistError,
    UnauthorizedError,
)
from agola.model.user import UserChange
from tests.unit.services.configstore.conftest import Installation


async def test_a_created_user_is_there_at_once_by_id_and_by_name(
    installation: Installation,
) -> None:
    async with installation.users() as users:
        created = await users.create_user("alice", admin=True)
        assert created.name == "alice"
        assert created.admin
        assert await users.get_user("alice") == created
        assert await users.get_user(created.id) == created


async def test_of_many_who_create_one_name_at_once_exactly_one_wins(
    installation: Installation,
) -> None:
    async with installation.users() as users:
        results = await asyncio.gather(
            *(users.create_user("alice") for _ in range(10)), return_exceptions=True
        )
        errors = [each for each in results if isinstance(each, BaseException)]
        assert len(errors) == 9
        assert {type(error) for error in errors} == {AlreadyExistsError}
        assert [each.name for each in (await users.list_users()).items] == ["admin", "alice"]


async def test_different_users_may_be_created_at_once(installation: Installation) -> None:
    async with installation.users() as users:
        names = [f"user{n:02}" for n in range(20)]
        await asyncio.gather(*map(users.create_user, names))
        assert [each.name for each in (await users.list_users()).items] == ["admin", *names]


async def test_a_repeated_request_gives_the_user_of_the_first(installation: Installation) -> None:
    request_id = str(uuid.uuid4())
    async with installation.users() as users:
        first = await users.create_user("alice", request_id=request_id)
        again = await asyncio.gather(
            *(users.create_user("alice", request_id=request_id) for _ in range(3))
        )
    assert again == [first] * 3


@pytest.mark.parametrize(
    ("name", "request_id", "reason"),
    [
        ("", "", "USER_NAME_INVALID"),
        ("a_b", "", "USER_NAME_INVALID"),
        ("8e977559-a541-4fa5-bb00-4be27bda910d", "", "USER_NAME_INVALID"),
        ("alice", "not a uuid", "REQUEST_ID_INVALID"),
    ],
)
async def test_a_user_that_cannot_be_is_refused(
    installation: Installation, name: str, request_id: str, reason: str
) -> None:
    async with installation.users() as users:
        with pytest.raises(BadRequestError) as caught:
            await users.create_user(name, request_id=request_id)
    assert caught.value.reason == reason


async def test_what_is_too_long_for_a_name_is_not_told_in_full(installation: Installation) -> None:
    long = "x" * 5000
    async with installation.users() as users:
        with pytest.raises(BadRequestError) as refused:
            await users.create_user(long)
        with pytest.raises(NotExistError) as missing:
            await users.get_user(long)
    shown = "x" * 40 + "…"
    assert refused.value.message == (
        f"{shown!r} cannot be the name of a user: "
        "1 to 40 ASCII letters and digits, a letter first, single hyphens within, and no UUID"
    )
    assert refused.value.metadata == {"name": shown}
    assert missing.value.message == f"user {shown!r} does not exist"


async def test_users_are_listed_in_pages_by_name_in_both_directions(
    installation: Installation,
) -> None:
    names = ["admin", "b1", "b2", "c", "d"]
    async with installation.users() as users:
        for name in names[1:]:
            await users.create_user(name)
        for descending in (False, True):
            seen: list[str] = []
            token = ""
            while True:
                page = await users.list_users(page_size=2, page_token=token, descending=descending)
                seen += [each.name for each in page.items]
                if not (token := page.next_token):
                    break
            assert seen == sorted(names, reverse=descending)
        with pytest.raises(BadRequestError) as caught:
            await users.list_users(page_token="nonsense")
    assert caught.value.reason == "PAGE_TOKEN_INVALID"


async def test_an_update_changes_what_it_names_and_nothing_else(
    installation: Installation,
) -> None:
    async with installation.users() as users:
        created = await users.create_user("alice", admin=True)
        renamed = await users.update_user("alice", UserChange(name="bob"), etag=created.etag)
        assert (renamed.id, renamed.name, renamed.admin) == (created.id, "bob", True)
        demoted = await users.update_user(created.id, UserChange(admin=False))
        assert (demoted.name, demoted.admin) == ("bob", False)
        assert await _reason(users.get_user("alice")) == (NotExistError, "USER_DOES_NOT_EXIST")
        stale = users.update_user("bob", UserChange(admin=True), etag=created.etag)
        assert await _reason(stale) == (ConcurrencyError, "ETAG_MISMATCH")
        taken = users.update_user("bob", UserChange(name="admin"))
        assert await _reason(taken) == (AlreadyExistsError, "USER_ALREADY_EXISTS")
        await users.create_user("alice")


async def test_a_deleted_user_is_gone_with_the_tokens(installation: Installation) -> None:
    async with installation.users() as users:
        await users.create_user("alice")
        token = await users.create_user_token("alice", "laptop")
        await users.delete_user("alice")
        gone = users.authenticate_token(token.value)
        assert await _reason(gone) == (UnauthorizedError, "TOKEN_INVALID")
        assert await _reason(users.delete_user("alice")) == (NotExistError, "USER_DOES_NOT_EXIST")
        await users.delete_user("alice", allow_missing=True)
        assert (await users.create_user("alice")).name == "alice"


async def test_a_reference_is_required(installation: Installation) -> None:
    async with installation.users() as users:
        assert await _reason(users.get_user("")) == (BadRequestError, "USER_REF_REQUIRED")


async def _reason(call: object) -> tuple[type[AgolaError], str]:
    with pytest.raises(AgolaError) as caught:
        await call  # type: ignore[misc]
    return type(caught.value), caught.value.reason
