"""agola.model.user: names, scopes and digests."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.model.user import IssuedToken, UserID, UserToken, UserTokenID, is_id, is_name, is_scope


@pytest.mark.parametrize("name", ["a", "Z9", "alice", "a-b-c", "a1-2", "x" * 40])
def test_names_are_letters_digits_and_single_hyphens(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "1a", "-a", "a-", "a--b", "a_b", "a.b", "a b", "a#b", "é", "a\n", "x" * 41, "a٣"],
)
def test_nothing_else_is_a_name(name: str) -> None:
    assert not is_name(name)


@given(st.uuids(), st.sampled_from(["{}", "{{{}}}", "urn:uuid:{}"]), st.booleans())
def test_no_name_reads_as_an_id(value: uuid.UUID, form: str, bare: bool) -> None:  # noqa: FBT001
    text = form.format(value.hex if bare else value)
    assert is_id(text)
    assert not is_name(text)


def test_a_hexadecimal_name_of_32_digits_is_an_id() -> None:
    assert not is_name("abcdefabcdefabcdefabcdefabcdefab")
    assert is_name("abcdefabcdefabcdefabcdefabcdefa")


@pytest.mark.parametrize(
    ("scope", "right"),
    [("run:read", True), ("project-group:read", True), ("run", False), ("Run:read", False)],
)
def test_scopes_are_a_noun_and_a_verb(scope: str, right: bool) -> None:  # noqa: FBT001
    assert is_scope(scope) is right


def test_an_issued_token_does_not_show_its_value() -> None:
    token = UserToken(id=UserTokenID("t"), user_id=UserID("u"), name="n")
    assert "secret" not in repr(IssuedToken(token, "secret"))
