"""The stream of the original is cut where its entries end, however it comes in."""

import asyncio
import base64
import tracemalloc
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.core.errors import BadRequestError
from agola.maintenance.legacy.entries import Entry, entries
from tests.unit.maintenance.legacy.original import entry, pieces

ids = st.text(min_size=1, max_size=20)
documents = st.recursive(
    st.text() | st.integers() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


async def given_in(parts: Sequence[bytes]) -> AsyncGenerator[bytes, None]:
    for part in parts:
        yield part


async def read(stream: bytes, size: int = 1000, **limits: int) -> list[Entry]:
    return [one async for one in entries(pieces(stream, size), **limits)]


async def refusal(stream: bytes, size: int = 1000, **limits: int) -> BadRequestError:
    with pytest.raises(BadRequestError) as refused:
        await read(stream, size, **limits)
    assert refused.value.reason == "EXPORT_INVALID"
    assert len(str(refused.value)) < 1000
    return refused.value


def raw(**fields: object) -> bytes:
    document = {"id": "a", "data_type": "run", "data": "e30=", **fields}
    text = ",".join(f'"{name}":"{value}"' for name, value in document.items())
    return b"{" + text.encode() + b"}"


@given(
    found=st.dictionaries(ids, documents, min_size=1, max_size=6),
    blanks=st.lists(st.sampled_from(["", " ", "\n", "\r\n\t "]), min_size=6, max_size=6),
    cuts=st.lists(st.integers(min_value=0, max_value=1000), max_size=20),
)
def test_entries_are_the_same_however_the_stream_is_cut(
    found: dict[str, object], blanks: list[str], cuts: list[int]
) -> None:
    ordered = sorted(found.items())
    written = [entry("run", id_, document) for id_, document in ordered]
    stream = b"".join(blank.encode() + one for one, blank in zip(written, blanks, strict=False))
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    parts = [stream[start:end] for start, end in pairwise(bounds)]

    async def cut() -> list[Entry]:
        return [one async for one in entries(given_in(parts))]

    read_entries = asyncio.run(cut())
    assert [one.place.id for one in read_entries] == [id_ for id_, _ in ordered]
    assert [one.place.number for one in read_entries] == list(range(1, len(ordered) + 1))
    assert [
        entry("run", one.place.id, None).replace(
            base64.b64encode(b"null"), base64.b64encode(one.data)
        )
        for one in read_entries
    ] == written


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
async def test_brackets_and_quotes_within_texts_end_nothing(size: int) -> None:
    stream = entry("run", 'a"}\\', {}) + entry("run", "b{{", {}) + entry("run", "c\\\\", {})
    assert [one.place.id for one in await read(stream, size)] == ['a"}\\', "b{{", "c\\\\"]


async def test_fields_that_nobody_knows_do_no_harm() -> None:
    [found] = await read(b'{"id":"a","data_type":"run","data":"e30=","more":{"x":[{}]}}')
    assert found.data == b"{}"


async def test_an_export_without_entries_is_refused() -> None:
    for stream in (b"", b"\n \n"):
        error = await refusal(stream)
        assert "empty" in error.message


@pytest.mark.parametrize("size", [1, 1000])
async def test_an_export_that_ends_within_an_entry_is_refused(size: int) -> None:
    stream = raw() + raw(id="b")
    for end in (len(stream) - 1, len(raw()) + 1):
        error = await refusal(stream[:end], size)
        assert error.metadata["entry"] == "2"
        assert "cut" in error.message


async def test_a_cut_entry_is_named_as_far_as_it_came() -> None:
    error = await refusal(raw(id="the-id")[:-3])
    assert error.metadata == {"entry": "1", "type": "run", "id": "the-id"}


@pytest.mark.parametrize("garbage", [b"<html>", b"]", b'"text"', b"17", b"\0", b"}"])
async def test_garbage_is_refused_where_it_stands(garbage: bytes) -> None:
    error = await refusal(raw() + b"\n" + garbage)
    assert error.metadata["entry"] == "2"


@pytest.mark.parametrize(
    "stream",
    [
        b"{}",
        b"{nonsense}",
        b'{"id":"a","data_type":"run"}',
        b'{"id":"a","data_type":"run","data":null}',
        b'{"id":"a","data":"e30="}',
        b'{"data_type":"run","data":"e30="}',
        b'{"id":7,"data_type":"run","data":"e30="}',
        b'{"id":"a","data_type":"run","data":"no base64"}',
        b'{"id":"a","data_type":"run","data":"e30"}',
        b'{"id":"\xff","data_type":"run","data":"e30="}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"table":"run","data":{"id":"a"}}',
    ],
)
async def test_an_entry_that_the_original_does_not_write_is_refused(stream: bytes) -> None:
    assert (await refusal(stream)).metadata["entry"] == "1"


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_an_entry_that_is_too_large_is_refused(size: int) -> None:
    stream = raw() + raw(id="b", data="eyAgICAgICAgICAgICAgICAgICAgfQ==")
    fits = len(stream) - len(raw())
    assert len(await read(stream, size, max_bytes=fits)) == 2
    error = await refusal(stream, size, max_bytes=fits - 1)
    assert error.metadata == {"entry": "2", "type": "run", "id": "b"}


async def test_an_entry_without_an_end_takes_no_more_memory_than_an_entry_may() -> None:
    async def endless() -> AsyncGenerator[bytes, None]:
        yield b'{"id":"a","data_type":"run","data":"'
        while True:
            yield b"A" * 10_000

    tracemalloc.start()
    try:
        with pytest.raises(BadRequestError, match="larger than 1000000"):
            async for _ in entries(endless(), max_bytes=1_000_000):
                pass
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


async def test_many_entries_take_no_more_memory_than_one() -> None:
    async def many() -> AsyncGenerator[bytes, None]:
        for number in range(3000):
            yield entry("run", f"{number:05}", "x" * 1000)

    tracemalloc.start()
    try:
        assert len([one.place.id async for one in entries(many())]) == 3000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


async def test_ids_of_a_type_come_in_their_order() -> None:
    for second in ("a", "A"):
        error = await refusal(raw() + raw(id=second))
        assert error.metadata == {"entry": "2", "type": "run", "id": second}


async def test_entries_of_a_type_come_together() -> None:
    error = await refusal(raw() + raw(data_type="user") + raw(id="b"))
    assert error.metadata == {"entry": "3", "type": "run", "id": "b"}


async def test_a_long_id_is_shortened_in_what_is_said() -> None:
    error = await refusal(raw(id="i" * 100_000, data=""))
    assert len(error.metadata["id"]) == 100
