"""agola.storage.objects.posix: what only a file system can do wrong."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from agola.config.model import Config, PosixObjects
from agola.core.errors import BadRequestError, UnavailableError
from agola.storage.objects import file_storage, opening
from agola.storage.objects.posix import opening_posix

pytest_plugins = ["tests.testbed.small_disk"]


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


async def test_each_component_has_its_own_objects(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path)
    async with opening(config, "runservice") as storage:
        await storage.write("logs/1", b"text")
    assert files(tmp_path) == ["runservice/objects/data/logs/1"]
    async with opening(config, "configstore") as other, aclosing(other.list()) as found:
        assert [info async for info in found] == []


async def test_the_configuration_can_say_another_place(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path / "data", objects=PosixObjects(path=tmp_path / "nfs"))
    async with opening(config, "runservice") as storage:
        await storage.write("a", b"")
    assert files(tmp_path) == ["nfs/runservice/data/a"]


async def test_a_full_disk_is_unavailable_and_leaves_nothing(small_disk: Path) -> None:
    async def flood() -> AsyncGenerator[bytes, None]:
        for _ in range(8):
            yield bytes(1 << 20)

    async with opening_posix(small_disk) as storage:
        await storage.write("a", b"old")
        for data in (bytes(1 << 20), flood()):
            with pytest.raises(UnavailableError) as caught:
                await storage.write("a", data)
            assert caught.value.reason == "OBJECT_STORAGE_UNAVAILABLE"
        assert files(small_disk) == ["data/a"]
        await storage.write("a", b"new")
    assert (small_disk / "data/a").read_bytes() == b"new"


async def test_what_crashed_writes_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "tmpcrashed").write_bytes(b"half")
    async with opening_posix(tmp_path):
        assert files(tmp_path) == []


async def test_the_writes_of_another_process_are_left_alone(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncGenerator[bytes, None]:
        yield bytes(2_000_000)
        begun.set()
        await go_on.wait()

    async with opening_posix(tmp_path) as first:
        writing = asyncio.create_task(first.write("a", slow()))
        await begun.wait()
        async with opening_posix(tmp_path):
            go_on.set()
            assert await writing == 2_000_000
    assert files(tmp_path) == ["data/a"]


async def test_emptied_folders_vanish(tmp_path: Path) -> None:
    async with opening_posix(tmp_path) as storage:
        await storage.write("a/b/c/d", b"")
        await storage.write("a/x", b"")
        await storage.delete("a/b/c/d")
        assert [folder.name for folder in (tmp_path / "data").rglob("*")] == ["a", "x"]
        await storage.delete("a/x")
    assert list((tmp_path / "data").iterdir()) == []


async def test_a_segment_that_is_too_long_is_refused(tmp_path: Path) -> None:
    async with opening_posix(tmp_path) as storage:
        with pytest.raises(BadRequestError) as caught:
            await storage.write("a" * 256, b"")
    assert caught.value.reason == "OBJECT_PATH_INVALID"
    assert files(tmp_path) == []


async def test_others_may_not_read_objects(tmp_path: Path) -> None:
    async with opening_posix(tmp_path) as storage:
        await storage.write("a", b"secret")
    assert (tmp_path / "data/a").stat().st_mode & 0o007 == 0


async def test_a_read_that_is_cancelled_while_it_opens_closes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[FileIO] = []
    begun, go_on = threading.Event(), threading.Event()

    class SlowFile(FileIO):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            opened.append(self)
            begun.set()
            go_on.wait()

    async with opening_posix(tmp_path) as storage:
        await storage.write("a", b"text")
        monkeypatch.setattr(file_storage, "FileIO", SlowFile)
        reading = asyncio.ensure_future(anext(storage.read("a")))
        await asyncio.to_thread(begun.wait)
        reading.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert [file.closed for file in opened] == [True]
