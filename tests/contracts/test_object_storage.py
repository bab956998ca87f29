"""What every driver of agola.storage.objects.port promises."""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agola.config.model import (
    Config,
    ObjectsDriver,
    PosixFlatObjects,
    PosixObjects,
    S3Objects,
)
from agola.core.errors import BadRequestError, NotExistError, OutOfRangeError, PreconditionError
from agola.storage.objects import opening
from agola.storage.objects.port import ObjectStorage

pytest_plugins = ["tests.testbed.s3"]

DRIVERS = ["posix", "posixflat", "s3"]

HIERARCHIES = {"posix"}
"""The drivers where a path cannot be an object and a folder."""

WALKS_FOLDERS = {"s3"}
"""Where the server of the tests, SeaweedFS, lists folder by folder, goes on behind a folder when
told to go on behind its name, and takes `\\` for `/`.  Amazon's S3 does none of that."""


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def configuration(driver: str, request: pytest.FixtureRequest) -> ObjectsDriver:
    if driver == "s3":
        s3: S3Objects = request.getfixturevalue("s3_objects")
        return s3
    return PosixFlatObjects() if driver == "posixflat" else PosixObjects()


@pytest.fixture
async def storage(
    configuration: ObjectsDriver, tmp_path: Path
) -> AsyncGenerator[ObjectStorage, None]:
    async with opening(Config(data_dir=tmp_path, objects=configuration), "tests") as opened:
        yield opened


async def read(
    storage: ObjectStorage, path: str, *, offset: int = 0, size: int | None = None
) -> bytes:
    async with aclosing(storage.read(path, offset=offset, size=size)) as pieces:
        return b"".join([piece async for piece in pieces])


async def listed(
    storage: ObjectStorage, prefix: str = "", *, after: str = "", recursive: bool = True
) -> list[str]:
    async with aclosing(storage.list(prefix, after=after, recursive=recursive)) as found:
        return [info.path async for info in found]


async def stream(*pieces: bytes) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece


async def test_what_is_written_can_be_read(storage: ObjectStorage) -> None:
    assert await storage.write("logs/1/setup.log", b"hello") == 5
    assert await read(storage, "logs/1/setup.log") == b"hello"


async def test_an_object_may_be_empty(storage: ObjectStorage) -> None:
    assert await storage.write("empty", b"") == 0
    assert await read(storage, "empty") == b""
    assert (await storage.stat("empty")).size == 0


async def test_stat_says_path_size_and_when_it_was_written(storage: ObjectStorage) -> None:
    await storage.write("a/b", b"123")
    info = await storage.stat("a/b")
    assert (info.path, info.size) == ("a/b", 3)
    assert abs(datetime.now(UTC) - info.modify_time) < timedelta(minutes=1)


async def test_a_write_replaces_the_object(storage: ObjectStorage) -> None:
    await storage.write("a", b"a long first version")
    await storage.write("a", b"second")
    assert await read(storage, "a") == b"second"


async def test_a_stream_is_written_wholly(storage: ObjectStorage) -> None:
    pieces = [bytes([number]) * 300_000 for number in range(12)]
    assert await storage.write("big", stream(*pieces)) == 3_600_000
    assert await read(storage, "big") == b"".join(pieces)


async def test_streams_of_any_size_take_little_memory(storage: ObjectStorage) -> None:
    async def much() -> AsyncGenerator[bytes, None]:
        for _ in range(1024):
            yield bytes(1 << 16)

    tracemalloc.start()
    try:
        assert await storage.write("big", much()) == 64 << 20
        async with aclosing(storage.read("big")) as pieces:
            assert sum([len(piece) async for piece in pieces]) == 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


async def test_an_empty_stream_makes_an_empty_object(storage: ObjectStorage) -> None:
    assert await storage.write("empty", stream()) == 0
    assert await read(storage, "empty") == b""


async def test_pieces_are_at_most_a_mebibyte(storage: ObjectStorage) -> None:
    await storage.write("big", bytes(2_500_000))
    async with aclosing(storage.read("big")) as pieces:
        assert max([len(piece) async for piece in pieces]) <= 1 << 20


@pytest.mark.parametrize(
    ("offset", "size", "expected"),
    [
        (0, 3, b"012"),
        (3, None, b"3456789"),
        (3, 4, b"3456"),
        (8, 100, b"89"),
        (10, None, b""),
        (0, 0, b""),
    ],
)
async def test_a_range_can_be_read(
    storage: ObjectStorage, offset: int, size: int | None, expected: bytes
) -> None:
    await storage.write("digits", b"0123456789")
    assert await read(storage, "digits", offset=offset, size=size) == expected


async def test_reading_behind_the_end_is_out_of_range(storage: ObjectStorage) -> None:
    await storage.write("digits", b"0123456789")
    with pytest.raises(OutOfRangeError) as caught:
        await read(storage, "digits", offset=11)
    assert caught.value.reason == "OFFSET_PAST_END"


@pytest.mark.parametrize("length", [1024, 1000])
async def test_long_paths_are_fine(storage: ObjectStorage, driver: str, length: int) -> None:
    room = length - 64 if driver == "s3" else length  # the prefix counts as well
    path = ("a/" + "b" * 99) * 11
    await storage.write(path[:room], b"deep")
    assert await listed(storage) == [path[:room]]
    assert await read(storage, path[:room]) == b"deep"
    await storage.delete(path[:room])
    assert await listed(storage) == []


async def test_a_reader_keeps_the_version_it_began_with(storage: ObjectStorage) -> None:
    await storage.write("big", b"1" * 3_000_000)
    async with aclosing(storage.read("big")) as pieces:
        seen = await anext(pieces)
        await storage.write("big", b"2")
        seen += b"".join([piece async for piece in pieces])
    assert seen == b"1" * 3_000_000


async def test_absent_objects_do_not_exist(storage: ObjectStorage) -> None:
    await storage.write("a/b", b"")
    for path in ("x", "a", "a/x", "a/b/c", "x/y/z"):
        with pytest.raises(NotExistError) as stat_error:
            await storage.stat(path)
        with pytest.raises(NotExistError) as read_error:
            await read(storage, path)
        assert stat_error.value.reason == read_error.value.reason == "OBJECT_DOES_NOT_EXIST"


async def test_a_deleted_object_is_gone(storage: ObjectStorage) -> None:
    await storage.write("a/b", b"")
    await storage.delete("a/b")
    with pytest.raises(NotExistError):
        await storage.stat("a/b")
    assert await listed(storage) == []


async def test_deleting_what_is_absent_is_no_error(storage: ObjectStorage) -> None:
    await storage.write("a/b", b"")
    for path in ("x", "a", "a/x", "a/b/c"):
        await storage.delete(path)
    assert await listed(storage) == ["a/b"]


async def test_a_folder_can_become_an_object_when_it_is_empty(storage: ObjectStorage) -> None:
    await storage.write("a/b/c", b"")
    await storage.delete("a/b/c")
    await storage.write("a", b"now a file")
    assert await read(storage, "a") == b"now a file"


async def test_a_path_is_an_object_or_a_folder(storage: ObjectStorage, driver: str) -> None:
    await storage.write("a/b", b"")
    if driver not in HIERARCHIES:
        await storage.write("a", b"")
        assert await listed(storage) == ["a", "a/b"]
        return
    for path in ("a", "a/b/c", "a/b/c/d"):
        with pytest.raises(PreconditionError) as caught:
            await storage.write(path, b"")
        assert caught.value.reason == "OBJECT_PATH_CONFLICT"
    assert await listed(storage) == ["a/b"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/../b",
        "a/./b",
        "a\0b",
        "\ud800",
        "a" * 1025,
    ],
)
async def test_bad_paths_are_refused(storage: ObjectStorage, path: str) -> None:
    with pytest.raises(BadRequestError, match="path of an object"):
        await storage.stat(path)
    with pytest.raises(BadRequestError):
        await storage.write(path, b"")
    with pytest.raises(BadRequestError):
        await storage.delete(path)
    with pytest.raises(BadRequestError) as caught:
        await read(storage, path)
    assert caught.value.reason == "OBJECT_PATH_INVALID"


@pytest.mark.parametrize("prefix", ["/", "../", "a/../b", "a//b", "\0"])
async def test_bad_prefixes_are_refused(storage: ObjectStorage, prefix: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        await listed(storage, prefix)
    assert caught.value.reason == "OBJECT_PATH_INVALID"


async def test_unusual_names_are_fine(storage: ObjectStorage, driver: str) -> None:
    names = ["%2F", "...", "a b", "a\nb", "a+b", "a?b", "ÄÖ/ß", "日本", "~", "🚀"]
    names += [] if driver in WALKS_FOLDERS else ["a\\b"]
    for name in names:
        await storage.write(name, name.encode())
    assert await listed(storage) == sorted(names)
    assert [await read(storage, name) for name in names] == [name.encode() for name in names]


async def test_a_listing_is_in_the_order_of_whole_paths(
    storage: ObjectStorage, driver: str
) -> None:
    paths = in_order(driver, {"a.log", "a/1", "a/2/x", "a/2/y", "a0", "b"})
    for path in reversed(paths):
        await storage.write(path, path.encode())
    assert await listed(storage) == paths
    async with aclosing(storage.list()) as found:
        assert [info.size async for info in found] == [len(path) for path in paths]


async def test_a_listing_can_be_narrowed(storage: ObjectStorage) -> None:
    for path in ("logs/1/a", "logs/1/b", "logs/10/a", "logs/2", "other"):
        await storage.write(path, b"")
    assert await listed(storage, "logs/1") == ["logs/1/a", "logs/1/b", "logs/10/a"]
    assert await listed(storage, "logs/1/") == ["logs/1/a", "logs/1/b"]
    assert await listed(storage, "logs/", recursive=False) == ["logs/2"]
    assert await listed(storage, "", recursive=False) == ["other"]
    assert await listed(storage, "absent/") == []
    assert await listed(storage, "logs/2/") == []


async def test_a_listing_can_go_on_behind_a_path(storage: ObjectStorage, driver: str) -> None:
    for path in ("a/1", "a/2", "b", "c/1"):
        await storage.write(path, b"")
    assert await listed(storage, after="a/1") == ["a/2", "b", "c/1"]
    assert await listed(storage, after="a/15") == ["a/2", "b", "c/1"]
    if driver not in WALKS_FOLDERS:
        assert await listed(storage, after="a") == ["a/1", "a/2", "b", "c/1"]
    assert await listed(storage, after="b/") == ["c/1"]
    assert await listed(storage, "a/", after="a/1") == ["a/2"]
    assert await listed(storage, after="c/1") == []


async def test_a_long_listing_is_complete(storage: ObjectStorage) -> None:
    paths = [f"{number:04}" for number in range(1100)]
    await asyncio.gather(*[storage.write(path, b"") for path in paths])
    assert await listed(storage) == paths


async def test_a_stream_that_fails_leaves_the_old_object(storage: ObjectStorage) -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield bytes(2_000_000)
        raise ConnectionResetError

    await storage.write("a", b"old")
    with pytest.raises(ConnectionResetError):
        await storage.write("a", broken())
    with pytest.raises(ConnectionResetError):
        await storage.write("b", broken())
    assert await read(storage, "a") == b"old"
    assert await listed(storage) == ["a"]


async def test_a_cancelled_write_leaves_nothing(storage: ObjectStorage) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterable[bytes]:
        yield bytes(2_000_000)
        begun.set()
        await asyncio.Event().wait()

    writing = asyncio.create_task(storage.write("a", endless()))
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await listed(storage) == []


async def test_readers_never_see_half_an_object(storage: ObjectStorage) -> None:
    versions = [bytes([number]) * 400_000 for number in range(8)]
    await storage.write("a", versions[0])

    async def check() -> None:
        for _ in range(8):
            assert await read(storage, "a") in versions

    await asyncio.gather(check(), check(), *[storage.write("a", data) for data in versions])


async def test_writes_and_deletes_in_one_folder_do_not_disturb_each_other(
    storage: ObjectStorage,
) -> None:
    async def come_and_go(name: str) -> None:
        for _ in range(25):
            await storage.write(f"a/b/{name}", b"")
            await storage.delete(f"a/b/{name}")

    await asyncio.gather(*[come_and_go(name) for name in "12345678"])
    assert await listed(storage) == []


@given(
    paths=st.sets(st.text("ab./-", min_size=1, max_size=5), max_size=8),
    query=st.fixed_dictionaries(
        {
            "prefix": st.text("ab./-", max_size=3),
            "after": st.text("ab./-", max_size=3),
            "recursive": st.booleans(),
        }
    ),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_listing_is_what_a_sorted_set_would_say(
    driver: str,
    configuration: ObjectsDriver,
    tmp_path_factory: pytest.TempPathFactory,
    paths: set[str],
    query: dict[str, Any],
) -> None:
    if driver in WALKS_FOLDERS:
        query["after"] = ""

    async def check() -> None:
        config = Config(data_dir=tmp_path_factory.mktemp("objects"), objects=configuration)
        async with opening(config, str(uuid4())) as storage:
            model = await write_valid(storage, paths)
            try:
                found = await listed(storage, **query)
            except BadRequestError:
                return
        assert found == in_order(driver, expected_listing(model, **query))

    asyncio.run(check())


async def write_valid(storage: ObjectStorage, paths: set[str]) -> set[str]:
    written = set()
    for path in sorted(paths):
        with suppress(BadRequestError, PreconditionError):
            await storage.write(path, b"")
            written.add(path)
    return written


def expected_listing(paths: set[str], *, prefix: str, after: str, recursive: bool) -> set[str]:
    return {
        path
        for path in paths
        if path.startswith(prefix)
        and path > after
        and (recursive or "/" not in path.removeprefix(prefix))
    }


def in_order(driver: str, paths: set[str]) -> list[str]:
    by_folder = driver in WALKS_FOLDERS
    return sorted(paths, key=lambda path: path.split("/") if by_folder else [path])
