"""agola.maintenance.framing: what lies in a file is what was put there, or nothing."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.core.errors import BadRequestError
from agola.maintenance.framing import MAGIC, MAX_MESSAGE_BYTES, Framing, Unframing

messages = st.lists(st.binary(min_size=1, max_size=300), max_size=6)


def framed(all_messages: list[bytes]) -> bytes:
    framing = Framing()
    parts = [framing.begin(), *map(framing.message, all_messages), framing.end()]
    return b"".join(parts)


def read(file: bytes, *, piece: int = 1 << 20) -> list[bytes]:
    unframing = Unframing()
    found: list[bytes] = []
    for start in range(0, len(file), piece):
        found += unframing.feed(file[start : start + piece])
    unframing.end()
    return found


@given(messages, st.integers(1, 40))
def test_messages_come_out_as_they_went_in(all_messages: list[bytes], piece: int) -> None:
    assert read(framed(all_messages), piece=piece) == all_messages


def test_a_large_message_comes_out_as_it_went_in() -> None:
    large = bytes(range(256)) * 8192
    assert read(framed([large, b"x"]), piece=1000) == [large, b"x"]


def test_a_file_is_what_its_description_says() -> None:
    body = b"agola export 1\n" + b"\x03abc" + b"\xac\x02" + b"y" * 300 + b"\0"
    seal = f"sha256 {hashlib.sha256(body).hexdigest()}\n".encode()
    assert framed([b"abc", b"y" * 300]) == body + seal


@given(messages, st.data())
def test_a_flipped_bit_is_noticed(all_messages: list[bytes], data: st.DataObject) -> None:
    file = bytearray(framed(all_messages))
    place = data.draw(st.integers(0, len(file) - 1))
    file[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BadRequestError) as caught:
        read(bytes(file))
    assert caught.value.reason == "EXPORT_INVALID"


@given(messages, st.data())
def test_a_cut_is_noticed(all_messages: list[bytes], data: st.DataObject) -> None:
    file = framed(all_messages)
    with pytest.raises(BadRequestError) as caught:
        read(file[: data.draw(st.integers(0, len(file) - 1))])
    assert caught.value.reason == "EXPORT_INVALID"


@given(messages, st.binary(min_size=1))
def test_more_at_the_end_is_noticed(all_messages: list[bytes], more: bytes) -> None:
    with pytest.raises(BadRequestError):
        read(framed(all_messages) + more)


@pytest.mark.parametrize(
    "length", [b"\xff\xff\xff\xff\xff", (MAX_MESSAGE_BYTES + 1).to_bytes(4, "little")]
)
def test_a_length_beyond_all_bounds_takes_no_memory(length: bytes) -> None:
    unframing = Unframing()
    with pytest.raises(BadRequestError, match="damaged at byte 15"):
        list(unframing.feed(MAGIC + b"\x81\x81\x81\x7f" + length))
