"""agola.maintenance.staging and settling: files that count only if the import does."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agola import datamanager
from agola.datamanager.port import Action
from agola.maintenance.settling import IMPORT, settle_all, unfinished
from agola.maintenance.staging import StagedFiles, staging
from tests.testbed.holdings import BASE, Kept, kept

PLACE = "logs/a/data/setup.log"
NEW = "logs/b/data/setup.log"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Kept, None]:
    async with kept(tmp_path) as one:
        yield one


async def pieces(data: bytes, size: int) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def files(store: Kept) -> dict[str, bytes]:
    return {path: data for path, data in (await store.picture()).items() if "kv:" not in path}


async def stage(staged: StagedFiles, path: str, data: bytes, *, piece: int = 0) -> None:
    """Add a file, in pieces or as a small one."""
    if piece:
        async with aclosing(pieces(data, piece)) as content:
            await staged.add(path, content)
    else:
        await staged.add_small(path, data)
        await staged.flush()


@pytest.mark.parametrize("piece", [0, 3])
@pytest.mark.parametrize("carried_out", [True, False])
async def test_files_count_when_the_import_does(
    store: Kept, *, piece: int, carried_out: bool
) -> None:
    await store.objects.write(PLACE, b"as it was")
    async with staging(store.objects, "one") as staged:
        await stage(staged, PLACE, b"as it is", piece=piece)
        await stage(staged, NEW, b"new", piece=piece)
        assert (await files(store))[PLACE] == b"as it was"
        await (staged.carry_out() if carried_out else staged.give_up())
    expected = {PLACE: b"as it is", NEW: b"new"} if carried_out else {PLACE: b"as it was"}
    assert await files(store) == expected


async def test_a_block_that_fails_leaves_nothing(store: Kept) -> None:
    await store.objects.write(PLACE, b"as it was")

    async def fail() -> None:
        async with staging(store.objects, "one") as staged:
            await stage(staged, PLACE, b"as it is")
            await stage(staged, NEW, b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await files(store) == {PLACE: b"as it was"}


@pytest.mark.parametrize("size", [0, 1, 2, 7, 8, 9, 30])
@given(data=st.data())
@settings(max_examples=15, deadline=None)
async def test_only_what_differs_is_kept_twice(
    tmp_path_factory: pytest.TempPathFactory, size: int, data: st.DataObject
) -> None:
    present = bytes(range(size))
    coming = data.draw(
        st.one_of(
            st.just(present),
            st.integers(0, size).map(lambda place: present[:place]),
            st.binary(max_size=3).map(lambda more: present + more),
            st.integers(0, size).map(lambda place: present[:place] + b"!" + present[place + 1 :]),
        )
    )
    piece = data.draw(st.integers(1, 10))
    async with kept(tmp_path_factory.mktemp("same")) as store:
        await store.objects.write(PLACE, present)
        staged = StagedFiles(store.objects, "one")
        await stage(staged, PLACE, coming, piece=piece)
        assert staged.used == (coming != present)
        await staged.carry_out()
        assert await files(store) == {PLACE: coming}


@pytest.mark.parametrize("carried_out", [True, False])
async def test_an_import_that_died_is_settled_at_the_next_start(
    store: Kept, *, carried_out: bool
) -> None:
    await store.objects.write(PLACE, b"as it was")
    staged = StagedFiles(store.objects, "one")
    await stage(staged, PLACE, b"as it is")
    await stage(staged, NEW, b"new")
    assert await unfinished(store.objects) == ["one"]
    async with datamanager.opening(store.kv, store.objects, BASE) as data:
        if carried_out:
            await data.commit([Action(IMPORT, "one", b"")])
        await settle_all(store.objects, data)
    seen = await files(store)
    expected = {PLACE: b"as it is", NEW: b"new"} if carried_out else {PLACE: b"as it was"}
    assert {path: seen[path] for path in seen if path.startswith(("logs", "imports"))} == expected


async def test_settling_may_be_broken_off_and_begun_again(store: Kept) -> None:
    await store.objects.write(PLACE, b"as it was")
    staged = StagedFiles(store.objects, "one")
    await stage(staged, PLACE, b"as it is")
    (name,) = [path for path in await files(store) if path.endswith("changed/00000000")]
    await store.objects.write(PLACE, b"as it is")
    await store.objects.delete(name)  # here it died
    await staged.carry_out()
    assert await files(store) == {PLACE: b"as it is"}
