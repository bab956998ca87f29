"""agola.wire.configstore: whatever the model says survives the wire."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.core.errors import BadRequestError
from agola.model.user import Identity, User, UserChange, UserToken
from agola.wire import configstore as wire
from generated.agola.configstore.v1 import user_service_pb2 as pb

texts = st.text(max_size=5)
moments = st.none() | st.datetimes(timezones=st.just(UTC))
users = st.builds(
    User,
    id=texts,
    name=texts,
    admin=st.booleans(),
    create_time=moments,
    update_time=moments,
    etag=texts,
    request_id=st.just(""),
    format=st.just(1),
)
tokens = st.builds(
    UserToken,
    id=texts,
    user_id=texts,
    name=texts,
    scopes=st.lists(texts, max_size=3).map(tuple),
    create_time=moments,
    expire_time=moments,
    last_use_time=moments,
    digest=st.just(""),
    request_id=st.just(""),
    format=st.just(1),
)
changes = st.builds(UserChange, name=st.none() | texts, admin=st.none() | st.booleans())


@given(users, tokens)
def test_users_and_tokens_come_back_as_they_went(user: User, token: UserToken) -> None:
    assert wire.user_from_pb(wire.user_to_pb(user)) == user
    assert wire.user_token_from_pb(wire.user_token_to_pb(token)) == token
    identity = Identity(user, token)
    assert wire.identity_from_pb(wire.identity_to_pb(identity)) == identity


def test_a_digest_is_not_told() -> None:
    token = UserToken(id="t", user_id="u", name="n", digest="secret")  # type: ignore[arg-type]
    assert b"secret" not in wire.user_token_to_pb(token).SerializeToString()


@given(changes.filter(lambda change: change != UserChange()))
def test_a_change_comes_back_as_it_went(change: UserChange) -> None:
    assert wire.user_change_from_pb(wire.user_change_to_pb("u", change)) == change


def test_without_a_mask_what_is_set_changes_and_with_a_star_everything() -> None:
    request = pb.UpdateUserRequest(user_ref="u")
    request.user.name = "bob"
    assert wire.user_change_from_pb(request) == UserChange(name="bob")
    request.update_mask.paths.append("*")
    assert wire.user_change_from_pb(request) == UserChange(name="bob", admin=False)


def test_a_mask_may_only_name_what_can_be_changed() -> None:
    request = pb.UpdateUserRequest(user_ref="u")
    request.update_mask.paths.append("id")
    with pytest.raises(BadRequestError) as caught:
        wire.user_change_from_pb(request)
    assert caught.value.reason == "UPDATE_MASK_INVALID"
