"""agola.maintenance.encryption_codec: exports in cipher and in clear."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from agola.core.errors import BadRequestError, InternalError
from agola.core.keyring import Key, Place, Sealer
from agola.core.sealing import SECRET, RecordSealer
from agola.datamanager.port import StoredObject
from agola.maintenance.codec import PlainCodec, noun_check
from agola.maintenance.encryption_codec import EncryptionCodec
from agola.maintenance.key_register import ENCRYPTION_KEY, RegisteredKey
from tests.fakes.keys import FixedKeys

OLD, NEW = Key("old", bytes(32)), Key("new", bytes([1]) * 32)
CANARY = "canary"


class Thing(Struct):
    """Something with a secret."""

    id: str
    value: str
    format: int = 1


class Open(Struct):
    """Something without."""

    id: str
    format: int = 1


def a_sealer(*keys: Key) -> RecordSealer:
    return RecordSealer(Sealer(FixedKeys(*keys)), "thing", {"value": SECRET})


def a_codec(*keys: Key) -> EncryptionCodec:
    plain = PlainCodec(
        {
            "thing": noun_check(Thing),
            "open": noun_check(Open),
            ENCRYPTION_KEY: noun_check(RegisteredKey),
        }
    )
    return EncryptionCodec(plain, FixedKeys(*keys), [a_sealer(*keys)])


def a_thing(key: Key | None, value: str = CANARY, **more: Any) -> StoredObject:
    """Make a thing as it is kept: sealed, or without a key in clear."""
    record = {"id": "1", "value": value, **more}
    if key is not None:
        record = a_sealer(key).seal("1", record)
    return StoredObject("thing", "1", msgspec.json.encode(record))


def a_key(key: Key, *, check: bool = True) -> StoredObject:
    sealed = key.seal("", Place(ENCRYPTION_KEY, key.id, "check")) if check else ""
    entry = RegisteredKey(id=key.id, check=sealed)
    return StoredObject(ENCRYPTION_KEY, key.id, msgspec.json.encode(entry))


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(BadRequestError) as caught:
        call()
    assert CANARY not in caught.value.message
    return caught.value.reason


def test_an_export_leaves_secrets_encrypted_unless_they_are_asked_for() -> None:
    codec = a_codec(NEW, OLD)
    kept = a_thing(OLD)
    assert codec.outgoing(kept, decrypted=False) == kept
    clear = codec.outgoing(kept, decrypted=True)
    assert msgspec.json.decode(clear.data) == {"id": "1", "value": CANARY}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_travels_in_clear_is_encrypted_with_the_current_key(value: str) -> None:
    there, here = a_codec(OLD), a_codec(NEW)
    kept = here.incoming(there.outgoing(a_thing(OLD, value), decrypted=True))
    assert a_sealer(NEW).key_id("1", kept.data) == ("new" if value else None)
    opened = a_sealer(NEW).open("1", a_sealer(NEW).decode("1", kept.data))
    assert opened == {"id": "1", "value": value}


def test_what_a_known_key_encrypts_stays_as_it_is() -> None:
    kept = a_thing(OLD)
    assert a_codec(NEW, OLD).incoming(kept) == kept


def test_what_no_key_opens_is_refused_by_name() -> None:
    with pytest.raises(BadRequestError) as caught:
        a_codec(NEW).incoming(a_thing(OLD))
    assert caught.value.reason == "ENCRYPTION_KEY_UNKNOWN"
    assert caught.value.metadata["keyId"] == "old"


def test_what_is_damaged_or_nothing_of_its_kind_is_refused() -> None:
    codec = a_codec(OLD)
    moved = StoredObject("thing", "2", a_thing(OLD).data)
    wrong = StoredObject("thing", "1", b'{"id": "1"}')
    none = StoredObject("thing", "1", b"{")
    for stored in (moved, wrong, none, a_thing(OLD, format=2), StoredObject("other", "1", b"{}")):
        assert refused(partial(codec.incoming, stored)) == "EXPORT_INVALID"


def test_records_without_secrets_pass() -> None:
    codec = a_codec(OLD)
    stored = StoredObject("open", "1", b'{"id":"1"}')
    assert codec.incoming(codec.outgoing(stored, decrypted=True)) == stored
    bad = StoredObject("open", "1", b'{"id":"2"}')
    assert refused(lambda: codec.incoming(bad)) == "EXPORT_INVALID"


def test_a_key_that_is_not_known_here_encrypts_nothing_here() -> None:
    assert a_codec(NEW).incoming(a_key(OLD)) == a_key(OLD, check=False)
    known = a_key(OLD)
    assert a_codec(NEW, OLD).incoming(known) == known
    assert a_codec(OLD).outgoing(known, decrypted=True) == a_key(OLD, check=False)


def test_another_key_of_the_same_id_is_refused() -> None:
    other = Key("old", bytes([7]) * 32)
    assert refused(lambda: a_codec(other).incoming(a_key(OLD))) == "ENCRYPTION_KEY_WRONG"


def test_an_export_in_clear_needs_the_keys() -> None:
    with pytest.raises(InternalError) as caught:
        a_codec(NEW).outgoing(a_thing(OLD), decrypted=True)
    assert caught.value.reason == "ENCRYPTION_KEY_UNKNOWN"
