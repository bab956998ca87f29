"""The data files of a snapshot: sorted records, merged with what changed.  Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agola.datamanager import record
from agola.datamanager.port import Action

Changes = Mapping[str, bytes | None]
"""What became of the objects of one type, by id.  None: deleted."""


@dataclass(slots=True)
class FileContent:
    """A data file in the making."""

    data: bytearray = field(default_factory=bytearray)
    index: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Where the bytes of each object start, and how many they are."""
    last_id: str = ""

    def add(self, action: Action) -> None:
        offset = record.append(self.data, action)
        self.index[action.id] = (offset, len(action.data or b""))
        self.last_id = action.id


def merge(data_type: str, old: bytes, changes: Changes, *, max_bytes: int) -> list[FileContent]:
    """Apply *changes* to a data file.  A file ends with the record that takes it to *max_bytes*.

    Nothing is left of a file when all its objects are deleted.
    """
    files: list[FileContent] = []
    for action in _merged(data_type, old, changes):
        if not files or len(files[-1].data) >= max_bytes:
            files.append(FileContent())
        files[-1].add(action)
    return files


def _merged(data_type: str, old: bytes, changes: Changes) -> Iterator[Action]:
    new = iter(sorted(changes.items()))
    change = next(new, None)
    for each in record.parse(old):
        while change is not None and change[0] < each.action.id:
            yield from _put(data_type, change)
            change = next(new, None)
        if change is not None and change[0] == each.action.id:
            continue  # the change comes in its place, before the next record
        yield each.action
    while change is not None:
        yield from _put(data_type, change)
        change = next(new, None)


def _put(data_type: str, change: tuple[str, bytes | None]) -> Iterator[Action]:
    if change[1] is not None:
        yield Action(data_type, change[0], change[1])


def split(changes: Changes, last_ids: Sequence[str]) -> list[dict[str, bytes | None]]:
    """Say which of the existing files each change goes to; the last one takes the rest."""
    parts: list[dict[str, bytes | None]] = [{} for _ in last_ids] or [{}]
    place = 0
    for object_id, data in sorted(changes.items()):
        while place < len(last_ids) - 1 and last_ids[place] < object_id:
            place += 1
        parts[place][object_id] = data
    return parts
