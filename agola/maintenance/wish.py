"""What an instance is to do, as the flag says at this moment."""

import asyncio
import logging
from contextlib import aclosing

from agola.core.errors import AgolaError, OutOfRangeError
from agola.maintenance.flag import REQUESTED
from agola.storage.kv.port import KeyValue, Revision

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5


class Wish:
    """The mode that an instance is to be in: follows the flag, until the instance is to end."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv
        self._revision = Revision(0)
        self._requested = False
        self._ending = False
        self._turned = asyncio.Event()

    @property
    def maintenance(self) -> bool | None:
        """Whether the mode is to be maintenance; None: no mode, it is time to end."""
        return None if self._ending else self._requested

    async def load(self) -> None:
        """Read the flag."""
        page = await self._kv.range(REQUESTED)
        self._revision = page.revision
        self._take(requested=any(entry.key == REQUESTED for entry in page.entries))

    async def follow(self) -> None:
        """Watch the flag, for ever; also through the loss of everything in the store."""
        known = True
        while True:
            try:
                if not known:
                    await self.load()
                    known = True
                await self._watch()
            except OutOfRangeError:
                known = False
            except AgolaError as error:
                logger.warning("the maintenance flag is out of reach: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    def end(self) -> None:
        """Ask for no mode any more."""
        self._ending = True
        self._turned.set()

    async def turned_from(self, mode: bool | None) -> None:  # noqa: FBT001 (as `maintenance`)
        """Wait until another mode than *mode* is wanted."""
        while self.maintenance == mode:
            self._turned.clear()
            await self._turned.wait()

    async def _watch(self) -> None:
        async with aclosing(self._kv.watch(REQUESTED, after=self._revision)) as history:
            async for changes in history:
                for change in changes.changes:
                    if change.key == REQUESTED:
                        self._take(requested=change.entry is not None)
                self._revision = changes.revision

    def _take(self, *, requested: bool) -> None:
        self._requested = requested
        self._turned.set()
