"""Batches in object storage: their data, and the markers that say which were committed."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from agola.core.errors import NotExistError
from agola.datamanager import record
from agola.datamanager.content import Digest
from agola.datamanager.errors import MalformedError, checking
from agola.datamanager.layout import Paths, WalHeader, sequence_in
from agola.datamanager.port import Action, Batch, WalSequence
from agola.datamanager.sequence import is_first
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
    """Reads and writes the objects of the write-ahead log.

    The data of a batch begins with a line: its header, a tab, and the SHA-256 of that header and of
    the records that follow.
    """

    def __init__(self, objects: ObjectStorage, paths: Paths) -> None:
        self._objects = objects
        self._paths = paths

    async def write_data(self, header: WalHeader, actions: Sequence[Action]) -> None:
        """Make the data of a batch durable.  It is not committed by that."""
        line = msgspec.json.encode(header)
        records = b"".join(record.encode(action) for action in actions)
        digest = await _digest(line, records)
        file = b"%b\t%b\n%b" % (line, digest, records)
        await self._objects.write(self._paths.wal_data + header.data_id, file)

    async def read_data(self, header: WalHeader) -> Batch:
        """Read the actions of a batch.  NotExistError, DataDamagedError."""
        path = self._paths.wal_data + header.data_id
        file = await read_whole(self._objects, path)
        with checking(path):
            first, _, records = file.partition(b"\n")
            line, tab, digest = first.partition(b"\t")
            if tab and digest != await _digest(line, records):  # older ones have none
                raise MalformedError("it does not have its digest")
            msgspec.json.decode(line, type=WalHeader)
            actions = tuple(each.action for each in record.parse(records))
        return Batch(header.sequence, actions)

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
            with checking(info.path):
                header = msgspec.json.decode(raw, type=WalHeader)
            yield header

    async def newest_marked(self) -> WalSequence | None:
        """Say the last batch that is known to be committed."""
        infos = await list_all(self._objects, self._paths.wal_status)
        return sequence_in(infos[-1].path) if infos else None

    async def anything(self) -> bool:
        """Say whether any batch is here that may have changed something."""
        for prefix in (self._paths.wal_data, self._paths.wal_status):
            for info in await list_all(self._objects, prefix):
                if not is_first(sequence_in(info.path)):
                    return True
        return False

    async def unmarked(self, after: WalSequence) -> dict[WalSequence, list[WalHeader]]:
        """Find the data behind *after*, by its place in the log: there may be several for one.

        What is there was committed, or was about to be and nobody was told how that ended: who
        loses a race deletes his data before he says so.
        """
        start = f"{self._paths.wal_data}{after}~"  # "~" sorts behind the "-" and the id
        found: dict[WalSequence, list[WalHeader]] = {}
        for info in await list_all(self._objects, self._paths.wal_data, after=start):
            header = await self._header(info.path)
            found.setdefault(header.sequence, []).append(header)
        return found

    async def _header(self, path: str) -> WalHeader:
        line = bytearray()
        async with aclosing(self._objects.read(path)) as pieces:
            async for piece in pieces:
                line += piece
                if b"\n" in piece:
                    break
        with checking(path):
            first = line.partition(b"\n")[0]
            return msgspec.json.decode(first.partition(b"\t")[0], type=WalHeader)

    async def delete_rivals(self, header: WalHeader) -> None:
        """Delete what others wrote for the place in the log that this batch has."""
        for info in await list_all(self._objects, f"{self._paths.wal_data}{header.sequence}-"):
            if not info.path.endswith(header.data_id):
                await self._objects.delete(info.path)

    async def forget_before(self, sequence: WalSequence) -> None:
        """Delete data and markers of everything before *sequence*, whether committed or not."""
        for prefix in (self._paths.wal_data, self._paths.wal_status):
            for path in await self._before(sequence, prefix):
                await self._objects.delete(path)

    async def _before(self, sequence: WalSequence, prefix: str) -> list[str]:
        """List what is before *sequence*, and nothing of what is behind it."""
        found: list[str] = []
        async with aclosing(self._objects.list(prefix)) as infos:
            async for info in infos:
                if sequence_in(info.path) >= sequence:
                    break
                found.append(info.path)
        return found


async def _digest(line: bytes, records: bytes) -> bytes:
    digest = Digest()
    await digest.update(line)
    await digest.update(records)
    return digest.hex().encode()
