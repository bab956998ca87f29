"""What happened to objects since the snapshot that is read from."""

from collections.abc import Mapping
from dataclasses import dataclass

from agola.datamanager.pace import Pace
from agola.datamanager.port import Batch, WalSequence


@dataclass(frozen=True, slots=True)
class Newest:
    """The last thing that happened to an object, and in which batch."""

    sequence: WalSequence
    data: bytes | None


class Overlay:
    """The batches that are in no snapshot yet, and what they say of each object."""

    def __init__(self) -> None:
        self._batches: dict[WalSequence, Batch] = {}
        self._newest: dict[str, dict[str, Newest]] = {}
        self.pending_bytes = 0
        """How much the batches hold that are in no snapshot yet."""

    @property
    def pending(self) -> int:
        """How many batches are in no snapshot yet."""
        return len(self._batches)

    def newest(self, data_type: str) -> Mapping[str, Newest]:
        """Say what happened to the objects of a type since the snapshot."""
        return self._newest.get(data_type, {})

    def copy(self) -> dict[str, dict[str, Newest]]:
        """Copy all that happened since the snapshot, by type and id."""
        return {data_type: dict(objects) for data_type, objects in self._newest.items()}

    def batch(self, sequence: WalSequence) -> Batch | None:
        """Give a batch unless it is in the snapshot."""
        return self._batches.get(sequence)

    def batches(self) -> list[Batch]:
        """Say the batches that are in no snapshot yet, in order."""
        return list(self._batches.values())

    def add(self, batch: Batch) -> None:
        self._batches[batch.sequence] = batch
        self.pending_bytes += _size(batch)
        for action in batch.actions:
            objects = self._newest.setdefault(action.data_type, {})
            objects[action.id] = Newest(batch.sequence, action.data)

    async def drop(self, last: WalSequence) -> None:
        """Drop the batches to *last* at once, and what happened in them a slice at a time.

        They are in the snapshot: reads may see it until then, it says the same.
        """
        merged = [self._batches.pop(each) for each in list(self._batches) if each <= last]
        pace = Pace()
        while merged:
            batch = merged.pop()
            self.pending_bytes -= _size(batch)
            for action in batch.actions:
                objects = self._newest[action.data_type]
                newest = objects.get(action.id)
                if newest is not None and newest.sequence <= last:
                    del objects[action.id]
                await pace.breathe()


def _size(batch: Batch) -> int:
    return sum(len(action.data or b"") for action in batch.actions)
