"""Writing a snapshot: the data files that changed, and a status that names them and the others.

What is merged streams from the old files into the new ones.  In memory are the changes, some pieces
of what is being read and written, and the indexes of two files.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager

from agola.core.errors import AgolaError, NotExistError
from agola.core.ids import Ids
from agola.datamanager import status as statuses
from agola.datamanager.datafile import Changes, in_order
from agola.datamanager.datafile_writer import DataFileWriter
from agola.datamanager.errors import DataDamagedError
from agola.datamanager.folding import Folding
from agola.datamanager.layout import DataStatus, Paths, sequence_in
from agola.datamanager.limits import Limits
from agola.datamanager.port import WalSequence
from agola.datamanager.snapshot import Snapshots
from agola.storage.objects.port import ObjectStorage

logger = logging.getLogger(__name__)


class SnapshotWriter:
    """Writes snapshots."""

    def __init__(
        self, objects: ObjectStorage, paths: Paths, snapshots: Snapshots, ids: Ids, limits: Limits
    ) -> None:
        self._objects = objects
        self._paths = paths
        self._snapshots = snapshots
        self._ids = ids
        self._limits = limits

    @asynccontextmanager
    async def data_files(
        self, data_type: str, name: WalSequence
    ) -> AsyncGenerator[DataFileWriter, None]:
        """Give what writes data files of one type, named *name*.

        Should the block fail, what it wrote is deleted.
        """
        writer = DataFileWriter(
            self._objects,
            self._paths,
            data_type,
            name,
            ids=self._ids,
            max_bytes=self._limits.max_file_bytes,
        )
        try:
            yield writer
        except AgolaError:
            await _tidy(writer.discard())
            raise

    async def write(
        self,
        changes: dict[str, Changes],
        *,
        over: DataStatus,
        data_sequence: WalSequence,
        wal_sequence: WalSequence,
    ) -> DataStatus:
        """Write the snapshot that *over* becomes by *changes*.  It is there when its status is.

        DataDamagedError: what it builds upon is damaged, hence there is no snapshot.
        """
        files = dict(over.files)
        async with AsyncExitStack() as stack:
            for data_type, changed in changes.items():
                writer = await stack.enter_async_context(self.data_files(data_type, data_sequence))
                folding = Folding(
                    files.get(data_type, ()),
                    await in_order(data_type, changed),
                    writer,
                    self._snapshots,
                    max_bytes=self._limits.max_file_bytes,
                )
                try:
                    files[data_type] = await folding.files()
                except NotExistError as error:
                    raise DataDamagedError(error.metadata["path"], "it is missing") from error
        status = DataStatus(
            data_sequence=data_sequence,
            wal_sequence=wal_sequence,
            files={data_type: each for data_type, each in files.items() if each},
        )
        try:
            await self.publish(status)
        except AgolaError:
            await _tidy(self.discard(status))  # perhaps it is there all the same
            raise
        return status

    async def publish(self, status: DataStatus) -> None:
        """Write a status, whose files are all there."""
        await self._objects.write(self._paths.status(status.data_sequence), statuses.encode(status))

    async def discard(self, status: DataStatus) -> None:
        """Delete a snapshot that nobody ever used, with the files that are of it alone.

        The status goes first: as long as it may be there, so must its files.
        """
        await self._objects.delete(self._paths.status(status.data_sequence))
        for data_type, files in status.files.items():
            for file in files:
                if sequence_in(file.id) == status.data_sequence:
                    await self._objects.delete(self._paths.data_file(data_type, file.id))
                    await self._objects.delete(self._paths.index(data_type, file.id))


async def _tidy(work: Awaitable[None]) -> None:
    """Delete, as part of a failure: what is left is cleaned up later."""
    try:
        await work
    except AgolaError:
        logger.debug("files of a snapshot that was not finished stay for now", exc_info=True)
