"""Users and their tokens, over the public API."""

from datetime import UTC, datetime

import pytest

from agola.core.errors import BadRequestError, ForbiddenError, NotExistError
from agola.model.page import Page
from agola.model.user import User, UserChange
from agola.rpc import calls
from generated.agola.gateway.v1 import user_pb2, user_service_pb2
from generated.agola.gateway.v1.user_service_pb2_grpc import UserServiceStub
from tests.unit.services.gateway.caller import Caller
from tests.unit.services.gateway.house import EXECUTOR, House
from tests.unit.services.gateway.users import ADMIN, ALICE, BOB


async def test_an_administrator_creates_users(calling: Caller) -> None:
    admin = await calling("admin")
    created = await admin.users.create_user("carol")
    assert (await admin.users.get_user("carol")) == created


async def test_others_do_not(calling: Caller) -> None:
    alice = await calling("alice")
    for call in (
        alice.users.create_user("carol"),
        alice.users.list_users(),
        alice.users.update_user("alice", UserChange(admin=True)),
        alice.users.delete_user("bob"),
        alice.executors.list_executors(),
    ):
        with pytest.raises(ForbiddenError) as caught:
            await call
        assert caught.value.reason == "ADMIN_REQUIRED"


async def test_an_administrator_lists_changes_and_deletes_users(calling: Caller) -> None:
    admin = await calling("admin")
    assert await admin.users.list_users() == Page((ADMIN, ALICE, BOB))
    assert (await admin.users.list_users(page_size=1, descending=True)) == Page((BOB,), "more")
    changed = await admin.users.update_user("bob", UserChange(name="rob"), etag="8")
    assert (changed.name, changed.etag) == ("rob", "8+")
    await admin.users.delete_user("rob")
    with pytest.raises(NotExistError):
        await admin.users.get_user("rob")


async def test_of_others_one_sees_the_name_only(calling: Caller) -> None:
    alice = await calling("alice")
    assert await alice.users.get_user("bob") == User(id=BOB.id, name="bob")
    assert await alice.users.get_user(ALICE.id) == ALICE


async def test_users_manage_their_own_tokens(calling: Caller) -> None:
    alice = await calling("alice")
    expire = datetime(2027, 1, 1, tzinfo=UTC)
    issued = await alice.users.create_user_token("ci", scopes=["run:read"], expire_time=expire)
    assert (issued.token.user_id, issued.token.scopes) == (ALICE.id, ("run:read",))
    assert issued.token.expire_time == expire
    assert await (await calling(issued.value)).auth.get_current_user() == ALICE
    assert [token.name for token in (await alice.users.list_user_tokens()).items] == ["alice", "ci"]
    await alice.users.delete_user_token("ci", user_ref="alice")
    assert len((await alice.users.list_user_tokens(user_ref=ALICE.id)).items) == 1


async def test_the_tokens_of_others_are_for_administrators(calling: Caller) -> None:
    alice, admin = await calling("alice"), await calling("admin")
    for call in (
        alice.users.list_user_tokens(user_ref="bob"),
        alice.users.create_user_token("mine", user_ref=BOB.id),
        alice.users.delete_user_token("bob", user_ref="bob"),
    ):
        with pytest.raises(ForbiddenError) as caught:
            await call
        assert caught.value.reason == "ADMIN_REQUIRED"
    assert (await admin.users.create_user_token("his", user_ref="bob")).token.user_id == BOB.id
    with pytest.raises(NotExistError):
        await admin.users.list_user_tokens(user_ref="nobody")


async def test_a_token_with_scopes_may_do_what_they_name(house: House, calling: Caller) -> None:
    house.users.add_token(ADMIN, "reader", scopes=["admin:read", "user:read"])
    reader = await calling("reader")
    await reader.users.list_users()
    await reader.users.get_user("bob")
    with pytest.raises(ForbiddenError) as caught:
        await reader.users.create_user("carol")
    assert caught.value.metadata == {"scope": "admin:write"}


async def test_a_token_makes_none_that_may_do_more(house: House, calling: Caller) -> None:
    house.users.add_token(ALICE, "maker", scopes=["user:write", "run:read"])
    maker = await calling("maker")
    await maker.users.create_user_token("less", scopes=["run:read", "user:read"])
    for scopes in ([], ["run:write"]):
        with pytest.raises(ForbiddenError) as caught:
            await maker.users.create_user_token("more", scopes=scopes)
        assert caught.value.reason == "TOKEN_SCOPE_MISSING"


async def test_an_update_of_a_field_that_is_none_is_refused(house: House) -> None:

    request = user_service_pb2.UpdateUserRequest(user_ref="bob", user=user_pb2.User())
    request.update_mask.paths.append("id")
    async with house.dial("admin") as channel:
        stub = UserServiceStub(channel)
        with pytest.raises(BadRequestError) as mask:
            await calls.unary(stub.UpdateUser(request))
        with pytest.raises(BadRequestError) as missing:
            await calls.unary(stub.CreateUser(user_service_pb2.CreateUserRequest()))
    assert (mask.value.reason, missing.value.reason) == ("UPDATE_MASK_INVALID", "USER_REQUIRED")


async def test_an_administrator_sees_executors(calling: Caller) -> None:
    admin = await calling("admin")
    (load,) = (await admin.executors.list_executors()).items
    assert (load.executor.id, load.active_tasks) == (EXECUTOR.id, 3)
    assert load.executor.address == ""
