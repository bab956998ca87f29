"""Data files against a dict: merged, cut, joined, and found again through their indexes."""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agola.core.background import background
from agola.core.ids import RandomIds
from agola.datamanager import index as indexes
from agola.datamanager import record
from agola.datamanager.datafile import Changes, ManyChanges, in_order
from agola.datamanager.errors import MalformedError
from agola.datamanager.index import Index, IndexCache
from agola.datamanager.layout import DataStatus, Paths
from agola.datamanager.limits import Limits
from agola.datamanager.port import Action, WalSequence
from agola.datamanager.sequence import first, following
from agola.datamanager.snapshot import Snapshots
from agola.datamanager.snapshot_writer import SnapshotWriter
from agola.storage.objects.port import ObjectStorage
from agola.storage.objects.posix import opening_posix

ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)
changes = st.dictionaries(ids, st.none() | st.binary(max_size=40), max_size=60)


class Files:
    """The data files of one type, and the dict that they must be equal to."""

    def __init__(self, objects: ObjectStorage, max_bytes: int) -> None:
        self.paths = Paths("")
        self.max_bytes = max_bytes
        self.objects = objects
        self.snapshots = Snapshots(objects, self.paths)
        limits = Limits(max_file_bytes=max_bytes)
        self.writer = SnapshotWriter(objects, self.paths, self.snapshots, RandomIds(), limits)
        self.status = DataStatus(data_sequence=first(1), wal_sequence=first(1))
        self.model: dict[str, bytes] = {}

    async def fold(self, changed: Changes) -> int:
        """Fold changes into the files.  Gives how many files stayed as they were."""
        number = following(self.status.data_sequence)
        old = set(self.status.files.get("user", ()))
        self.status = await self.writer.write(
            {"user": changed}, over=self.status, data_sequence=number, wal_sequence=number
        )
        self.model |= {key: data for key, data in changed.items() if data is not None}
        for key in [key for key, data in changed.items() if data is None]:
            self.model.pop(key, None)
        return len(old & set(self.status.files.get("user", ())))

    @property
    def sizes(self) -> list[int]:
        return [file.size or 0 for file in self.status.files.get("user", ())]

    async def scan(self, after: str = "") -> dict[str, bytes]:
        async with aclosing(self.snapshots.scan(self.status, "user", after=after)) as found:
            return {each.id: each.data async for each in found}

    async def check(self) -> None:
        assert list((await self.scan()).items()) == sorted(self.model.items())
        for file in self.status.files.get("user", ()):
            stat = await self.objects.stat(self.paths.data_file("user", file.id))
            assert stat.size == file.size


@asynccontextmanager
async def files(root: Path, max_bytes: int) -> AsyncGenerator[Files, None]:
    async with opening_posix(root) as objects:
        yield Files(objects, max_bytes)


@settings(max_examples=40, deadline=None)
@given(st.lists(changes, max_size=5), st.integers(1, 3000), ids)
def test_folded_files_hold_the_old_with_the_changes(
    rounds: list[dict[str, bytes | None]], max_bytes: int, object_id: str
) -> None:
    async def fold() -> None:
        with TemporaryDirectory() as root:
            async with files(Path(root), max_bytes) as made:
                for changed in rounds:
                    await made.fold(changed)
                    await made.check()
                for key in [object_id, *made.model]:
                    found = await made.snapshots.read(made.status, "user", key)
                    assert found == made.model.get(key)
                behind = {key: data for key, data in made.model.items() if key > object_id}
                assert await made.scan(object_id) == behind

    asyncio.run(fold())


def some(*numbers: int, size: int = 100) -> dict[str, bytes | None]:
    return {f"{number:06}": bytes(size) for number in numbers}


async def test_a_file_is_never_larger_than_it_may_be_but_by_one_object(tmp_path: Path) -> None:
    async with files(tmp_path, 2000) as made:
        await made.fold(some(*range(100)) | some(50, size=5000))
        large = [size for size in made.sizes if size > 2000]
        assert len(large) == 1  # that of the large object, which has a file of its own
        assert 5000 < large[0] < 5200
        await made.check()


async def test_a_file_takes_what_fits_before_the_next_one_begins(tmp_path: Path) -> None:
    async with files(tmp_path, 2000) as made:
        await made.fold(some(*range(100)))
        assert all(size > 1800 for size in made.sizes[:-1])


async def test_only_the_files_that_changes_go_to_are_written_anew(tmp_path: Path) -> None:
    async with files(tmp_path, 2000) as made:
        await made.fold(some(*range(200)))
        count = len(made.sizes)
        assert await made.fold({"000042": b"new", "000150": None}) == count - 2
        await made.check()


async def test_objects_behind_all_others_rewrite_the_last_file_only(tmp_path: Path) -> None:
    async with files(tmp_path, 2000) as made:
        await made.fold(some(*range(100)))
        for number in range(100, 140):
            count = len(made.sizes)
            assert await made.fold(some(number)) >= count - 1
        await made.check()


async def test_deletions_leave_no_dust_of_small_files(tmp_path: Path) -> None:
    async with files(tmp_path, 2000) as made:
        await made.fold(some(*range(400)))
        assert len(made.sizes) > 20
        await made.fold({f"{n:06}": None for n in range(400) if n % 20})
        assert len(made.sizes) == 2  # twenty objects of about 150 bytes
        await made.check()


async def test_a_small_file_joins_its_neighbour_when_one_of_both_is_written_anew(
    tmp_path: Path,
) -> None:
    async with files(tmp_path, 10_000) as made:
        await made.fold(some(*range(200)))
        before = len(made.sizes)
        assert before >= 3
        for place in (0, 1):  # two files shrink, each in a checkpoint of its own
            last = made.status.files["user"][place].last_id
            begin = made.status.files["user"][place - 1].last_id if place else ""
            inside = [key for key in made.model if begin < key <= last]
            await made.fold(dict.fromkeys(inside[3:]))
        assert len(made.sizes) == before - 1
        await made.check()


async def test_a_small_file_goes_along_at_most_once_more_than_it_has_to(tmp_path: Path) -> None:
    async with files(tmp_path, 2000) as made:
        await made.fold(some(*range(60)))
        count = len(made.sizes)
        middle = made.status.files["user"][1].last_id
        begin = made.status.files["user"][0].last_id
        inside = [key for key in made.model if begin < key <= middle]
        await made.fold(dict.fromkeys(inside[1:]))
        third = made.status.files["user"][2].last_id
        assert await made.fold({third: b"changed"}) == count - 2
        assert sum(size < 500 for size in made.sizes) <= 1
        await made.check()


async def test_nothing_is_left_when_everything_is_deleted(tmp_path: Path) -> None:
    async with files(tmp_path, 2000) as made:
        await made.fold(some(*range(60)))
        await made.fold(dict.fromkeys(made.model) | {"never there": None})
        assert made.status.files == {}
        await made.check()


async def test_blocks_that_nothing_changes_are_copied_as_they_are(tmp_path: Path) -> None:
    async with files(tmp_path, 1_000_000) as made:
        await made.fold(some(*range(1000)))
        await made.fold(some(500, size=10_000))
        for _ in range(3):
            await made.fold({"000501": b"x", "0005001": b"between"})
        await made.check()
        assert await made.snapshots.read(made.status, "user", "000500") == bytes(10_000)
        assert await made.snapshots.read(made.status, "user", "000999") == bytes(100)


async def test_sorted_changes_come_once_and_in_order() -> None:
    changed: dict[str, bytes | None] = {str(n): None for n in range(5000)}
    changes = await in_order("user", changed)
    assert changes.reach("0")
    before = [action.id for action in changes.take("3")]
    assert before == sorted(key for key in changed if key <= "3")
    assert before + [action.id for action in changes.take()] == sorted(changed)
    assert not changes


@given(st.lists(st.builds(Action, ids, ids, st.none() | st.binary(max_size=40))))
def test_records_come_back_as_they_went(actions: list[Action]) -> None:
    file = bytearray()
    for action in actions:
        record.append(file, action)
    assert [each.action for each in record.parse(bytes(file))] == actions


def test_records_of_before_there_were_checksums_are_read() -> None:
    old = b'{"type":"user","id":"a","size":1}\nx\n{"type":"user","id":"b"}\n'
    found = [each.action for each in record.parse(old)]
    assert found == [Action("user", "a", b"x"), Action("user", "b", None)]


@pytest.mark.parametrize("size", range(1, 60))
def test_a_record_that_is_cut_off_is_noticed_wherever_that_is(size: int) -> None:
    whole = record.encode(Action("user", "a", b"0123456789"))
    assert len(whole) > 60
    with pytest.raises(MalformedError):
        list(record.parse(whole[:size]))


def test_an_object_that_is_not_what_was_written_is_noticed() -> None:
    whole = record.encode(Action("user", "a", b"0123456789"))
    with pytest.raises(MalformedError, match="checksum"):
        list(record.parse(whole.replace(b"5", b"6")))


def test_an_index_finds_the_block_of_an_id() -> None:
    index = Index(block_bytes=100)
    for number in range(10):
        index.add(f"{number}", 40)
    assert [*index.blocks()] == [("1", 80), ("3", 80), ("5", 80), ("7", 80), ("9", 80)]
    assert [index.block_of(each) for each in ("", "1", "10", "9", "91")] == [0, 0, 1, 4, 5]
    again = indexes.decode(index.encode())
    assert [*again.blocks(1)] == [*index.blocks(1)]
    assert again.start(2) == 160


def test_an_index_without_order_is_no_index() -> None:
    for raw in (b'[["a",10],["a",20]]', b'[["a",10],["b",10]]'):
        with pytest.raises(MalformedError):
            indexes.decode(raw)


async def test_files_of_before_there_were_digests_are_read_and_folded(tmp_path: Path) -> None:
    async with files(tmp_path, 1_000_000) as made:
        await made.fold(some(*range(200)))
        [file] = made.status.files["user"]
        places, raw = {}, b""
        for key, data in made.model.items():
            raw += b'{"type":"user","id":"%b","size":%d}\n' % (key.encode(), len(data))
            places[key] = (len(raw), len(data))
            raw += data + b"\n"
        old = b'{"id":"%b","last_id":"%b"}' % (b"old", file.last_id.encode())
        status = b'{"data_sequence":"%b","wal_sequence":"0-0","files":{"user":[%b]},"format":1}'
        sequence = WalSequence("9-9")
        await made.objects.write(made.paths.status(sequence), status % (b"9-9", old))
        await made.objects.write(made.paths.data_file("user", "old"), raw)
        await made.objects.write(made.paths.index("user", "old"), msgspec.json.encode(places))
        made.status = await made.snapshots.status(sequence)
        assert await made.scan() == made.model
        assert await made.snapshots.read(made.status, "user", "000150") == bytes(100)
        await made.fold(some(5, 500, size=7))
        await made.check()


async def test_memory_does_not_hold_the_files_that_are_read_and_written(tmp_path: Path) -> None:
    async with files(tmp_path, 24_000_000) as made:
        await made.fold(some(*range(6000), size=4000))
        assert max(made.sizes) > 23_000_000
        tracemalloc.start()
        try:
            await made.fold(some(*range(0, 6000, 500)))
            async with aclosing(made.snapshots.scan(made.status, "user", after="")) as found:
                count = len([None async for _ in found])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert count == 6000
        assert peak < 8_000_000  # pieces of a megabyte, where they are read and where written


async def test_the_event_loop_goes_on_while_much_is_folded(tmp_path: Path) -> None:
    async with files(tmp_path, 8_000_000) as made:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with background(turn):
            await made.fold(some(*range(20_000), size=20))
        assert turns > 20
        await made.check()


def test_indexes_are_kept_as_far_as_they_fit() -> None:
    cache = IndexCache(100)
    kept = [Index() for _ in range(4)]
    for number, index in enumerate(kept[:3]):
        cache.put(str(number), index, 40)
    assert cache.get("0") is None
    assert cache.get("1") is kept[1]  # used, so the other one goes
    cache.put("3", kept[3], 40)
    assert cache.get("2") is None
    assert cache.get("1") is kept[1]
    cache.put("large", Index(), 1000)
    assert [cache.get(each) is not None for each in ("1", "3", "large")] == [False, False, True]


@given(st.lists(st.tuples(ids, st.none() | st.binary(max_size=3)), max_size=50))
def test_many_changes_are_a_dict(pairs: list[tuple[str, bytes | None]]) -> None:
    made = ManyChanges()
    for key, data in pairs:
        made.put(key, data)
    assert dict(made) == dict(pairs)
    assert len(made) == len(dict(pairs))
