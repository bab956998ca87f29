"""The data files of a snapshot: records in the order of their ids, merged with what changed."""

from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge as merged
from itertools import chain, islice

from agola.datamanager import record
from agola.datamanager.pace import Pace
from agola.datamanager.port import Action, Batch

Changes = Mapping[str, bytes | None]
"""What became of the objects of one type, by id.  None: deleted."""

SORTED_AT_ONCE = 1000
PARTS = 128


@dataclass(frozen=True, slots=True)
class Piece:
    """Some whole records of a data file, the last of which has *last_id*."""

    last_id: str
    data: bytes


class SortedChanges:
    """Changes in the order of their ids, each taken once."""

    def __init__(self, data_type: str, changes: Changes, ids: Iterator[str]) -> None:
        self.data_type = data_type
        self._changes = changes
        self._ids = ids
        self._next = next(ids, None)

    def __bool__(self) -> bool:
        """Say whether any are left."""
        return self._next is not None

    def reach(self, object_id: str) -> bool:
        """Say whether one is left whose id is *object_id* or sorts before it."""
        return self._next is not None and self._next <= object_id

    def take(self, up_to: str | None = None) -> Iterator[Action]:
        """Take those up to an id, inclusive, or all that are left."""
        while self._next is not None and (up_to is None or self._next <= up_to):
            action = Action(self.data_type, self._next, self._changes[self._next])
            self._next = next(self._ids, None)
            yield action


class ManyChanges(Mapping[str, bytes | None]):
    """Changes in many small dicts: a large one takes too long to grow."""

    def __init__(self) -> None:
        self._parts: list[dict[str, bytes | None]] = [{} for _ in range(PARTS)]

    def put(self, object_id: str, data: bytes | None) -> None:
        self._parts[hash(object_id) % PARTS][object_id] = data

    def __getitem__(self, object_id: str) -> bytes | None:
        return self._parts[hash(object_id) % PARTS][object_id]

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._parts)

    def __len__(self) -> int:
        return sum(map(len, self._parts))


async def folded(batches: Iterable[Batch]) -> dict[str, Changes]:
    """Say what became of objects in the end, by type and id."""
    pace = Pace()
    changes: defaultdict[str, ManyChanges] = defaultdict(ManyChanges)
    for batch in batches:
        for action in batch.actions:
            changes[action.data_type].put(action.id, action.data)
            await pace.breathe()
    return dict(changes)


async def in_order(data_type: str, changes: Changes) -> SortedChanges:
    """Sort changes, a slice at a time.

    Only ids are sorted: many pairs would make the garbage collector look at all there is.
    """
    pace = Pace()
    rest = iter(changes)
    runs: list[list[str]] = []
    while run := sorted(islice(rest, SORTED_AT_ONCE)):
        runs.append(run)
        await pace.breathe()
    return SortedChanges(data_type, changes, merged(*runs))


async def merge(old: AsyncIterable[Piece], changes: SortedChanges) -> AsyncGenerator[Piece, None]:
    """Apply *changes* to pieces, as far as these reach.

    Pieces that nothing changes come out as they went in.
    """
    async for piece in old:
        if changes.reach(piece.last_id):
            for each in _changed(piece.data, changes):
                yield each
        else:
            yield piece


async def rest_of(changes: SortedChanges) -> AsyncGenerator[Piece, None]:
    """Make pieces of all changes that are left, which come behind what there is."""
    pace = Pace()
    for action in changes.take():
        if action.data is None:
            await pace.breathe()
        else:
            yield piece_of(action)


def piece_of(action: Action) -> Piece:
    """Make the piece of a new object."""
    return Piece(action.id, record.encode(action))


def _changed(data: bytes, changes: SortedChanges) -> Iterator[Piece]:
    for each in record.parse(data):
        object_id = each.action.id
        replaced = False
        for action in changes.take(object_id):
            replaced = action.id == object_id
            if action.data is not None:
                yield piece_of(action)
        if not replaced:
            yield Piece(object_id, data[each.start : each.end])
