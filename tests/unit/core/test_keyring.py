"""agola.core.keyring."""

import base64
import copy
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.core.errors import InternalError
from agola.core.keyring import Key, Place, Sealer, key_id_of
from tests.fakes.keys import FixedKeys

MATERIAL = bytes(range(32))
OTHER = bytes(reversed(range(32)))
HERE = Place("secret", "id", "value")

words = st.text(max_size=20)
places = st.builds(Place, words, words, words)
materials = st.binary(min_size=32, max_size=32)
ids = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(texts, places, materials, ids)
def test_what_is_sealed_opens_in_its_place(
    text: str, place: Place, material: bytes, key_id: str
) -> None:
    sealer = Sealer(FixedKeys(Key(key_id, material)))
    sealed = sealer.seal(text, place)
    assert sealer.open(sealed, place) == text
    assert key_id_of(sealed) == key_id
    assert sealed.isascii()
    assert sealed.startswith(f"agola1:{key_id}:")


@given(texts, places, places)
def test_what_is_moved_does_not_open(text: str, place: Place, other: Place) -> None:
    sealer = Sealer(FixedKeys(Key("k", MATERIAL)))
    sealed = sealer.seal(text, place)
    if place != other:
        with pytest.raises(InternalError) as caught:
            sealer.open(sealed, other)
        assert caught.value.reason == "DATA_DAMAGED"


@given(st.data())
def test_what_is_changed_by_one_bit_does_not_open(data: st.DataObject) -> None:
    sealer = Sealer(FixedKeys(Key("k", MATERIAL)))
    head, _, body = sealer.seal("the secret", HERE).rpartition(":")
    raw = bytearray(base64.b64decode(body))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(InternalError) as caught:
        sealer.open(f"{head}:{base64.b64encode(raw).decode()}", HERE)
    assert caught.value.reason == "DATA_DAMAGED"


@given(st.text(max_size=60))
def test_what_is_not_sealed_is_told_from_what_is(text: str) -> None:
    sealer = Sealer(FixedKeys(Key("k", MATERIAL)))
    for candidate in (text, f"agola1:k:{text}", f"agola1:{text}"):
        with pytest.raises(InternalError) as caught:
            sealer.open(candidate, HERE)
        assert caught.value.reason in {"DATA_DAMAGED", "ENCRYPTION_KEY_UNKNOWN"}


def test_the_same_text_is_sealed_differently_each_time() -> None:
    key = Key("k", MATERIAL)
    assert len({key.seal("text", HERE) for _ in range(100)}) == 100


def test_an_unknown_key_is_named_and_says_where_it_belongs() -> None:
    sealed = Key("gone", OTHER).seal("the secret", HERE)
    with pytest.raises(InternalError) as caught:
        Sealer(FixedKeys(Key("k", MATERIAL))).open(sealed, HERE)
    assert caught.value.reason == "ENCRYPTION_KEY_UNKNOWN"
    assert caught.value.metadata["keyId"] == "gone"
    assert "in the tests" in caught.value.message


def test_another_key_of_the_same_id_does_not_open() -> None:
    sealed = Key("k", OTHER).seal("the secret", HERE)
    with pytest.raises(InternalError) as caught:
        Sealer(FixedKeys(Key("k", MATERIAL))).open(sealed, HERE)
    assert caught.value.reason == "DATA_DAMAGED"


def test_older_keys_open_and_the_current_one_seals() -> None:
    old, new = Key("old", OTHER), Key("new", MATERIAL)
    sealer = Sealer(FixedKeys(new, old))
    assert sealer.open(old.seal("text", HERE), HERE) == "text"
    assert key_id_of(sealer.seal("text", HERE)) == "new"


def test_a_key_shows_nothing_of_itself() -> None:
    key = Key("k", MATERIAL)
    shown = [repr(key), str(key), f"{key}", repr(FixedKeys(key).current())]
    assert set(shown) == {"Key('k')"}
    for copying in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            copying(key)


def test_an_error_shows_neither_key_nor_secret() -> None:
    sealed = Key("k", OTHER).seal("hush-hush", HERE)
    with pytest.raises(InternalError) as caught:
        Sealer(FixedKeys(Key("k", MATERIAL))).open(sealed, HERE)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.metadata)
    assert caught.value.__cause__ is None
    for hidden in ("hush-hush", sealed, base64.b64encode(MATERIAL).decode(), MATERIAL.hex()):
        assert hidden not in told


@pytest.mark.parametrize(
    ("key_id", "material"),
    [("k", bytes(31)), ("k", b""), ("", MATERIAL), ("a:b", MATERIAL), ("-a", MATERIAL)],
)
def test_what_is_no_key_is_refused(key_id: str, material: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Key(key_id, material)
