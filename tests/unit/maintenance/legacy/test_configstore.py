"""Users and project groups of the original become ours."""

import msgspec
import pytest

from agola.core.errors import BadRequestError
from agola.datamanager.port import StoredObject
from agola.model.project_group import Owner, OwnerKind, ProjectGroup, Visibility
from agola.model.user import User, UserToken, is_id, token_digest
from tests.unit.maintenance.legacy.original import (
    PROJECT,
    USER,
    ZERO_TIME,
    Document,
    conversion,
    export,
    group,
    user,
)

OTHER = "91111111-9d0f-4a62-8f11-0c2d3e4f5a6b"
ORG = "a2222222-9d0f-4a62-8f11-0c2d3e4f5a6b"
ROOT = "f0000000-0000-4000-8000-000000000000"
INNER = "10000000-0000-4000-8000-000000000000"
DEEP = "00000000-0000-4000-8000-000000000001"

Entries = tuple[str, Document]


async def converted(*entries: Entries) -> tuple[list[StoredObject], dict[str, int]]:
    return await conversion("configstore", export(entries))


async def refusal(*entries: Entries) -> BadRequestError:
    with pytest.raises(BadRequestError) as refused:
        await converted(*entries)
    assert refused.value.reason == "EXPORT_INVALID"
    return refused.value


def of(objects: list[StoredObject], data_type: str) -> list[bytes]:
    return [stored.data for stored in objects if stored.data_type == data_type]


def groups(objects: list[StoredObject]) -> dict[str, ProjectGroup]:
    found = [msgspec.json.decode(d, type=ProjectGroup) for d in of(objects, "projectgroup")]
    return {one.id: one for one in found}


async def test_a_user_keeps_id_name_and_rights() -> None:
    objects, skipped = await converted(user(USER, "alice", admin=True), user(OTHER, "bob"))
    alice, bob = [msgspec.json.decode(data, type=User) for data in of(objects, "user")]
    assert (alice.id, alice.name, alice.admin) == (USER, "alice", True)
    assert (bob.id, bob.name, bob.admin) == (OTHER, "bob", False)
    assert alice.etag != bob.etag
    assert [stored.id for stored in objects] == [USER, OTHER]
    assert skipped == {}


async def test_tokens_go_on_working_and_are_in_clear_no_more() -> None:
    objects, _ = await converted(user(USER, "alice", tokens={"ci": "5ec7e7-1", "cli": "5ec7e7-2"}))
    tokens = [msgspec.json.decode(data, type=UserToken) for data in of(objects, "usertoken")]
    assert {(one.name, one.user_id, one.digest) for one in tokens} == {
        ("ci", USER, token_digest("5ec7e7-1")),
        ("cli", USER, token_digest("5ec7e7-2")),
    }
    assert all(is_id(one.id) for one in tokens)
    assert not any(b"5ec7e7" in stored.data for stored in objects)


async def test_the_same_export_gives_the_same_records() -> None:
    entries = [user(USER, "alice", tokens={"ci": "secret"}), group(ROOT, ("user", USER))]
    assert await converted(*entries) == await converted(*entries)


async def test_a_token_without_a_value_lets_nobody_in() -> None:
    objects, skipped = await converted(user(USER, "alice", tokens={"ci": ""}))
    assert of(objects, "usertoken") == []
    assert skipped == {"user.tokens": 1}


async def test_parts_of_a_user_that_have_no_place_are_counted() -> None:
    account = {
        "id": OTHER,
        "remote_user_id": "7",
        "remote_source_id": ORG,
        "user_access_token": "token",
        "oauth_2_access_token_expires_at": ZERO_TIME,
    }
    entries = user(USER, "alice", password="hunter2", linked_accounts={OTHER: account})
    _, skipped = await converted(entries)
    assert skipped == {"user.linked_accounts": 1, "user.password": 1}


async def test_null_is_as_good_as_nothing() -> None:
    nulls = {"tokens": None, "linked_accounts": None, "password": None, "admin": None}
    objects, skipped = await converted(("user", {"id": USER, "name": "alice", **nulls}))
    assert len(objects) == 1
    assert skipped == {}


async def test_what_is_not_kept_here_is_counted_by_type() -> None:
    kinds = ["org", "orgmember", "project", "remotesource", "secret", "secret", "variable"]
    entries = [(kind, {"id": f"{index}"}) for index, kind in enumerate(kinds)]
    objects, skipped = await converted(*entries)
    assert objects == []
    assert skipped == {
        "org": 1, "orgmember": 1, "project": 1, "remotesource": 1, "secret": 2, "variable": 1
    }  # fmt: skip


async def test_groups_know_their_owner_wherever_their_parents_stand() -> None:
    objects, skipped = await converted(
        user(USER, "alice"),
        group(ROOT, ("user", USER), visibility="private"),
        group(INNER, ("projectgroup", ROOT), "inner"),
        group(DEEP, ("projectgroup", INNER), "deep", visibility="private"),
    )
    found = groups(objects)
    owner = Owner(kind=OwnerKind.USER, id=USER)
    assert list(found) == [DEEP, INNER, ROOT]
    assert {one.owner for one in found.values()} == {owner}
    assert [(one.name, one.parent_id) for one in found.values()] == [
        ("deep", INNER), ("inner", ROOT), ("", None)
    ]  # fmt: skip
    assert found[ROOT].visibility is found[DEEP].visibility is Visibility.PRIVATE
    assert found[INNER].visibility is Visibility.PUBLIC
    assert skipped == {}


async def test_groups_of_an_organization_are_kept_for_it() -> None:
    objects, skipped = await converted(("org", {"id": ORG}), group(ROOT, ("org", ORG)))
    assert groups(objects)[ROOT].owner == Owner(kind=OwnerKind.ORGANIZATION, id=ORG)
    assert skipped == {"org": 1}


async def test_groups_that_nobody_can_reach_are_counted() -> None:
    objects, skipped = await converted(
        user(USER, "alice"),
        group(ROOT, ("user", OTHER)),  # deleted
        group(INNER, ("projectgroup", ROOT), "below-it"),
        group(DEEP, ("projectgroup", DEEP), "in-a-circle"),
        group(PROJECT, ("projectgroup", OTHER), "orphan"),
    )
    assert groups(objects) == {}
    assert skipped == {"projectgroup": 4}


@pytest.mark.parametrize(
    "wrong",
    [
        user("no-uuid", "alice"),
        user(USER, ""),
        user(USER, ROOT),
        ("user", {"id": USER, "name": 7}),
        ("user", {"id": USER, "name": "alice", "tokens": ["value"]}),
        group(ROOT, ("user", USER), "a-name"),
        group(ROOT, ("projectgroup", INNER), ""),
        group(ROOT, ("project", PROJECT), "x"),
        group("no-uuid", ("user", USER)),
        group(ROOT, ("user", USER), visibility="secret"),
        ("projectgroup", {"id": ROOT, "visibility": "public"}),
        ("run", {"id": "x"}),
        ("webhook", {"id": "x"}),
    ],
)
async def test_a_record_that_the_original_would_not_keep_is_refused(wrong: Entries) -> None:
    error = await refusal(wrong)
    data_type, document = wrong
    assert error.metadata == {"entry": "1", "type": data_type, "id": document["id"]}
    assert "entry 1" in error.message


async def test_two_users_of_one_name_are_refused() -> None:
    error = await refusal(user(USER, "alice"), user(OTHER, "alice"))
    assert error.metadata["entry"] == "2"


async def test_a_record_under_the_id_of_another_is_refused() -> None:
    stream = export([user(USER, "alice")]).replace(USER.encode(), OTHER.encode())
    with pytest.raises(BadRequestError, match="entry 1"):
        await conversion("configstore", stream)
