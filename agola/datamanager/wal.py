"""Batches in object storage: their data, and the markers that say which were committed."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from agola.core.errors import NotExistError
from agola.datamanager import record
from agola.datamanager.layout import Paths, WalHeader, sequence_in
from agola.datamanager.port import Action, Batch, WalSequence
from agola.storage.objects.port import ObjectInfo, ObjectStorage


async def read_whole(objects: ObjectStorage, path: str) -> bytes:
    """Read an object that is known to be small enough.  NotExistError."""
    async with aclosing(objects.read(path)) as pieces:
        return b"".join([piece async for piece in pieces])


async def list_all(
    objects: ObjectStorage, prefix: str, *, after: str = "", recursive: bool = True
) -> list[ObjectInfo]:
    """List objects wholly, for whoever changes them as he goes."""
    async with aclosing(objects.list(prefix, after=after, recursive=recursive)) as infos:
        return [info async for info in infos]


class WalObjects:
    """Reads and writes the objects of the write-ahead log."""

    def __init__(self, objects: ObjectStorage, paths: Paths) -> None:
        self._objects = objects
        self._paths = paths

    async def write_data(self, header: WalHeader, actions: Sequence[Action]) -> None:
        """Make the data of a batch durable.  It is not committed by that."""
        file = bytearray(msgspec.json.encode(header) + b"\n")
        for action in actions:
            record.append(file, action)
        await self._objects.write(self._paths.wal_data + header.data_id, bytes(file))

    async def read_data(self, header: WalHeader) -> Batch:
        file = await read_whole(self._objects, self._paths.wal_data + header.data_id)
        records = record.parse(file, start=file.index(b"\n") + 1)
        return Batch(header.sequence, tuple(each.action for each in records))

    async def delete_data(self, header: WalHeader) -> None:
        await self._objects.delete(self._paths.wal_data + header.data_id)

    async def mark(self, header: WalHeader) -> None:
        """Say in object storage that a batch was committed.  May be repeated."""
        await self._objects.write(self._paths.marker(header.sequence), msgspec.json.encode(header))

    async def is_marked(self, header: WalHeader) -> bool:
        try:
            await self._objects.stat(self._paths.marker(header.sequence))
        except NotExistError:
            return False
        return True

    async def marked(self, after: WalSequence | None) -> AsyncGenerator[WalHeader, None]:
        """Tell the marked batches behind *after*, in order."""
        start = "" if after is None else self._paths.marker(after)
        for info in await list_all(self._objects, self._paths.wal_status, after=start):
            raw = await read_whole(self._objects, info.path)
            yield msgspec.json.decode(raw, type=WalHeader)

    async def unmarked(self, after: WalSequence) -> dict[WalSequence, WalHeader]:
        """Find the data behind *after*: the newest of each sequence, should there be several.

        What is there was committed, or was about to be and nobody was told how that ended: who
        loses a race deletes his data before he says so.
        """
        start = f"{self._paths.wal_data}{after}~"  # "~" sorts behind the "-" and the id
        found: dict[WalSequence, WalHeader] = {}
        infos = await list_all(self._objects, self._paths.wal_data, after=start)
        for info in sorted(infos, key=lambda each: each.modify_time):
            raw = await read_whole(self._objects, info.path)
            line = raw[: raw.index(b"\n")]
            found[sequence_in(info.path)] = msgspec.json.decode(line, type=WalHeader)
        return found

    async def forget_before(self, sequence: WalSequence) -> None:
        """Delete data and markers of everything before *sequence*, whether committed or not."""
        for prefix in (self._paths.wal_data, self._paths.wal_status):
            for info in await list_all(self._objects, prefix):
                if sequence_in(info.path) >= sequence:
                    break
                await self._objects.delete(info.path)
