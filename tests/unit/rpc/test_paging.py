"""agola.rpc.paging."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.core.errors import BadRequestError
from agola.rpc.paging import decode_token, encode_token, page_size


@pytest.mark.parametrize(("asked", "given"), [(0, 50), (1, 1), (1000, 1000), (9999, 1000)])
def test_a_page_has_a_sensible_size(asked: int, given: int) -> None:
    assert page_size(asked) == given


def test_a_negative_page_is_refused() -> None:
    with pytest.raises(BadRequestError):
        page_size(-1)


@given(st.text(), st.lists(st.text()))
def test_a_token_leads_back_to_its_place(last: str, query: list[str]) -> None:
    assert decode_token(encode_token(last, query=query), query=query) == last


@given(st.text(min_size=1))
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(BadRequestError):
        decode_token(token)


def test_a_token_of_another_list_is_refused() -> None:
    with pytest.raises(BadRequestError):
        decode_token(encode_token("x", query=["a"]), query=["b"])


def test_no_token_is_the_first_page() -> None:
    assert decode_token("", query=["a"]) == ""
