"""Files of an import: there before the records are replaced, taken away again if they are not."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import count

import msgspec

from agola.core.errors import AgolaError, NotExistError
from agola.maintenance.settling import FOLDER, each, settle
from agola.storage.objects.port import ObjectStorage

logger = logging.getLogger(__name__)

BATCH_BYTES = 4 * 1024**2
BATCH_FILES = 128

Content = AsyncGenerator[bytes, None]


class StagedFiles:
    """Takes the files of one import.  Nobody else writes to *objects* meanwhile."""

    def __init__(self, objects: ObjectStorage, import_id: str) -> None:
        self.id = import_id
        self.used = False
        """Something was put into storage."""
        self.decided = False
        """Only the records can say now whether the import is carried out."""
        self._objects = objects
        self._folder = f"{FOLDER}{import_id}/"
        self._numbers = count()
        self._small: dict[str, bytes] = {}
        self._small_bytes = 0

    async def add_small(self, path: str, data: bytes) -> None:
        """Take a file, and write it together with others."""
        self._small[path] = data
        self._small_bytes += len(data)
        if self._small_bytes >= BATCH_BYTES or len(self._small) >= BATCH_FILES:
            await self.flush()

    async def add(self, path: str, content: Content) -> None:
        """Take a file as it comes."""
        await self.flush()
        if await self._absent(path):
            await self._announce([path])
            await self._objects.write(path, content)
        else:
            await self._change(path, content)

    async def flush(self) -> None:
        """Write what waits."""
        batch, self._small, self._small_bytes = self._small, {}, 0
        absent = await each(list(batch), self._absent)
        added = [path for path, is_absent in zip(batch, absent, strict=True) if is_absent]
        if added:
            await self._announce(added)
            await each(added, lambda path: self._objects.write(path, batch[path]))
        present = batch.keys() - set(added)
        await each(sorted(present), lambda path: self._change(path, _only(batch[path])))

    def decide(self) -> None:
        """Say that the records are about to be replaced."""
        self.decided = True

    async def carry_out(self) -> None:
        """Make the files those that count: the records are replaced."""
        await self._settle(carried_out=True)

    async def give_up(self) -> None:
        """Leave nothing behind."""
        await self._settle(carried_out=False)

    async def _settle(self, *, carried_out: bool) -> None:
        if self.used:
            await settle(self._objects, self.id, carried_out=carried_out)

    async def _absent(self, path: str) -> bool:
        try:
            await self._objects.stat(path)
        except NotExistError:
            return True
        return False

    async def _announce(self, paths: Sequence[str]) -> None:
        self.used = True
        name = f"{self._folder}added/{next(self._numbers):08}"
        await self._objects.write(name, msgspec.json.encode(paths))

    async def _change(self, path: str, content: Content) -> None:
        """Keep what is new of an object until it may take its place; the same is left alone."""
        async with aclosing(content), aclosing(self._objects.read(path)) as present:
            same = _Same(present)
            async for piece in content:
                if not await same.goes_on(piece):
                    break
            else:
                if await same.ends():
                    return
                piece = b""
            self.used = True
            name = f"{self._folder}changed/{next(self._numbers):08}"
            async with aclosing(self._joined(path, same.size, piece, content)) as data:
                await self._objects.write(f"{name}.data", data)
            await self._objects.write(name, path.encode())

    async def _joined(
        self, path: str, size: int, piece: bytes, content: Content
    ) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._objects.read(path, size=size)) as same:
            async for one in same:
                yield one
        yield piece
        async for one in content:
            yield one


class _Same:
    """Compares an object with what comes."""

    def __init__(self, present: AsyncGenerator[bytes, None]) -> None:
        self.size = 0
        """Bytes that were the same."""
        self._present = present
        self._ahead = b""

    async def goes_on(self, piece: bytes) -> bool:
        """Say whether the object goes on with *piece*."""
        while len(self._ahead) < len(piece):
            more = await anext(self._present, b"")
            if not more:
                return False
            self._ahead += more
        if not self._ahead.startswith(piece):
            return False
        self._ahead = self._ahead[len(piece) :]
        self.size += len(piece)
        return True

    async def ends(self) -> bool:
        return not self._ahead and not await anext(self._present, b"")


@asynccontextmanager
async def staging(objects: ObjectStorage, import_id: str) -> AsyncGenerator[StagedFiles, None]:
    """Take files in the block.  If it ends before they are decided on, nothing is left of them."""
    staged = StagedFiles(objects, import_id)
    try:
        yield staged
    except BaseException:
        if not staged.decided:
            try:
                await staged.give_up()
            except AgolaError as error:
                logger.warning("files of a broken import are removed later: %s", error)
        raise


async def _only(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data
