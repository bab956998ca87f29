"""agola.storage.objects.posixflat: how long paths become files."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agola.config.model import Config, PosixFlatObjects
from agola.storage.objects import opening
from agola.storage.objects.port import ObjectStorage
from agola.storage.objects.posixflat import opening_posixflat

EDGE = "x" * 32
"""As long as the longest part of a path that one name holds."""


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


async def listed(storage: ObjectStorage, prefix: str = "", *, after: str = "") -> list[str]:
    async with aclosing(storage.list(prefix, after=after)) as found:
        return [info.path async for info in found]


async def test_short_paths_are_files_beside_each_other(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path / "data", objects=PosixFlatObjects(path=tmp_path / "nfs"))
    async with opening(config, "runservice") as storage:
        for path in ("logs/1", "logs", "100%"):
            await storage.write(path, b"")
    names = ["100%25", "logs", "logs%2F1"]
    assert files(tmp_path) == [f"nfs/runservice/data/{name}" for name in names]


@pytest.mark.parametrize("rest", [".", "..", "/.x", "%", "%2F", "/" + "y" * 990, "🚀" * 200])
async def test_what_does_not_fit_in_a_name_goes_on_in_a_directory(
    tmp_path: Path, rest: str
) -> None:
    async with opening_posixflat(tmp_path) as storage:
        await storage.write(EDGE, b"short")
        await storage.write(EDGE + rest, b"long")
        assert await listed(storage) == [EDGE, EDGE + rest]
        async with aclosing(storage.read(EDGE + rest)) as pieces:
            assert [piece async for piece in pieces] == [b"long"]
        assert max(len(name.encode()) for file in files(tmp_path) for name in file.split("/")) < 256
        await storage.delete(EDGE + rest)
    assert files(tmp_path) == [f"data/{EDGE}"]
    assert [each.name for each in (tmp_path / "data").iterdir()] == [EDGE]


segment = st.sampled_from(["a", "b", "%", ".a", "x" * 31, EDGE, "x" * 33, "x" * 63, "x" * 64])
path_strategy = st.lists(segment, min_size=1, max_size=3).map("/".join)


@given(
    paths=st.sets(path_strategy | segment, max_size=8),
    prefix=st.just("") | path_strategy,
    after=st.just("") | path_strategy,
)
@settings(max_examples=80, deadline=None)
def test_a_listing_of_long_paths_is_what_a_sorted_set_would_say(
    tmp_path_factory: pytest.TempPathFactory, paths: set[str], prefix: str, after: str
) -> None:
    async def check() -> None:
        async with opening_posixflat(tmp_path_factory.mktemp("flat")) as storage:
            for path in paths:
                await storage.write(path, b"")
            expected = [each for each in sorted(paths) if each.startswith(prefix) and each > after]
            assert await listed(storage, prefix, after=after) == expected

    asyncio.run(check())
