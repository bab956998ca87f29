"""agola.core.sealing."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.core.errors import InternalError
from agola.core.keyring import Key, Sealer
from agola.core.sealing import EACH, SECRET, RecordSealer, Shape
from tests.fakes.keys import FixedKeys

OLD, NEW = Key("old", bytes(32)), Key("new", bytes([1]) * 32)
SHAPE: Shape = {
    "password": SECRET,
    "environment": {EACH: SECRET},
    "steps": {EACH: {"environment": {EACH: SECRET}}},
}

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
environments = st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"])))
records = st.fixed_dictionaries(
    {
        "id": names,
        "password": st.text(st.characters(exclude_categories=["Cs"])),
        "environment": environments,
        "steps": st.lists(
            st.one_of(
                st.fixed_dictionaries({"environment": environments, "name": names}),
                st.fixed_dictionaries({"name": names}),
            ),
            max_size=4,
        ),
    }
)


def a_sealer(*keys: Key) -> RecordSealer:
    return RecordSealer(Sealer(FixedKeys(*keys or (OLD,))), "thing", SHAPE)


def a_record() -> dict[str, Any]:
    return {
        "name": "n",
        "password": "canary-1",
        "environment": {"A": "canary-2", "B": ""},
        "steps": [{"name": "s"}, {"environment": {"C": "canary-3"}}],
    }


@given(records)
def test_a_record_comes_out_as_it_went_in(record: dict[str, Any]) -> None:
    sealer = a_sealer()
    before = json.dumps(record)
    stored = msgspec.json.encode(sealer.seal("1", record))
    assert json.dumps(sealer.open("1", msgspec.json.decode(stored))) == before


def test_all_but_the_values_stays_readable() -> None:
    stored = a_sealer().seal("1", a_record())
    sealed = stored.pop("sealed")
    assert stored == {
        "name": "n",
        "password": "",
        "environment": {"A": "", "B": ""},
        "steps": [{"name": "s"}, {"environment": {"C": ""}}],
    }
    assert "canary" not in sealed


def test_a_record_without_secrets_stays_as_it_is() -> None:
    record = {"name": "n", "environment": {"A": ""}}
    sealer = a_sealer()
    assert sealer.seal("1", dict(record)) == record
    assert sealer.open("1", dict(record)) == record
    assert sealer.key_id("1", msgspec.json.encode(record)) is None
    assert sealer.sealed_again("1", msgspec.json.encode(record), NEW) is None


def test_what_is_sealed_does_not_open_in_another_record() -> None:
    sealer = a_sealer()
    stored = sealer.seal("1", a_record())
    with pytest.raises(InternalError) as caught:
        sealer.open("2", stored)
    assert (caught.value.reason, caught.value.metadata["id"]) == ("DATA_DAMAGED", "2")


def test_a_record_whose_fields_were_changed_is_damaged() -> None:
    sealer = a_sealer()
    stored = sealer.seal("1", a_record())
    changes: list[dict[str, Any]] = [
        {"environment": {"Z": ""}},
        {"password": "clear"},
        {"steps": []},
        {"steps": 1},
    ]
    for change in changes:
        with pytest.raises(InternalError) as caught:
            sealer.open("1", msgspec.json.decode(msgspec.json.encode(stored | change)))
        assert caught.value.reason == "DATA_DAMAGED"


def test_a_record_is_sealed_again_with_another_key() -> None:
    sealer = a_sealer(OLD, NEW)
    data = msgspec.json.encode(sealer.seal("1", a_record()))
    assert sealer.key_id("1", data) == "old"
    assert sealer.sealed_again("1", data, OLD) is None
    again = sealer.sealed_again("1", data, NEW)
    assert again is not None
    assert sealer.key_id("1", again) == "new"
    assert sealer.open("1", msgspec.json.decode(again)) == a_record()


def test_a_record_in_clear_is_sealed_where_others_are_sealed_again() -> None:
    sealer = a_sealer()
    clear = msgspec.json.encode(a_record())
    assert sealer.key_id("1", clear) == ""
    assert sealer.open("1", a_record()) == a_record()
    again = sealer.sealed_again("1", clear, OLD)
    assert again is not None
    assert b"canary" not in again


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"sealed": 1}', b'{"sealed": "x"}'])
def test_what_is_no_record_is_damaged(data: bytes) -> None:
    with pytest.raises(InternalError) as caught:
        a_sealer().key_id("1", data)
    assert caught.value.reason == "DATA_DAMAGED"
