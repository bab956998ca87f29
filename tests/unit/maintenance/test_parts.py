"""agola.maintenance.parts: records in parts and together again."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

import pytest

from agola.core.errors import BadRequestError
from agola.datamanager.port import StoredObject
from agola.maintenance import parts
from agola.maintenance.parts import content, file_parts, gathered, object_parts, whole
from agola.model.export import FILE, MAX_PART_BYTES, ExportRecord

SIZES = [0, 1, MAX_PART_BYTES - 1, MAX_PART_BYTES, MAX_PART_BYTES + 1, 3 * MAX_PART_BYTES]


async def each(items: Iterable[ExportRecord]) -> AsyncGenerator[ExportRecord, None]:
    for item in items:
        yield item


async def pieces(data: bytes, size: int) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", SIZES)
async def test_an_object_is_whole_again(size: int) -> None:
    stored = StoredObject("run", "one", bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    made = list(object_parts(stored))
    assert all(len(part.data) <= MAX_PART_BYTES for part in made)
    assert [part.last for part in made] == [False] * (len(made) - 1) + [True]
    assert await whole(made[0], each(made[1:])) == stored


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1000, MAX_PART_BYTES, 1024 * 1024])
async def test_a_file_is_whole_again(size: int, piece: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    made = [part async for part in file_parts("logs/x", pieces(data[:size], piece))]
    assert all(part.type == FILE and len(part.data) <= MAX_PART_BYTES for part in made)
    assert [part.offset for part in made][1:] == [
        part.offset + len(part.data) for part in made[:-1]
    ]
    async with aclosing(content(made[0], each(made[1:]))) as together:
        assert b"".join([one async for one in together]) == data[:size]


async def test_small_records_share_messages_and_large_ones_do_not_burst_them() -> None:
    small = [ExportRecord("run", f"{number:05}", 0, b"x" * 100, b"d") for number in range(2000)]
    large = [ExportRecord("run", "y", 0, b"x" * MAX_PART_BYTES, b"d")] * 3
    messages = [message async for message in gathered(each([*small, *large]))]
    assert [record for message in messages for record in message.records] == [*small, *large]
    assert len(messages) < 15
    for message in messages:
        assert sum(len(record.data) for record in message.records) <= MAX_PART_BYTES


async def test_an_object_beyond_all_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MAX_OBJECT_BYTES", MAX_PART_BYTES)
    made = list(object_parts(StoredObject("run", "one", b"x" * (MAX_PART_BYTES + 1))))
    with pytest.raises(BadRequestError, match="more than 262144 bytes"):
        await whole(made[0], each(made[1:]))
