"""A service has two modes, and is in the one that its flag asks for."""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TypeAlias

from agola.core.background import background
from agola.core.clock import Clock
from agola.core.errors import leaves, underlying
from agola.core.ids import Ids
from agola.maintenance.presence import Presence
from agola.maintenance.wish import Wish
from agola.storage.kv.port import KeyValue

logger = logging.getLogger(__name__)

Body: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]
"""Makes what a service is in one mode: up inside of the block, gone after it."""

STATE_LOST = "KV_STATE_LOST"
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 30.0


@asynccontextmanager
async def modes(
    kv: KeyValue, *, serve: Body, maintain: Body, clock: Clock, ids: Ids
) -> AsyncGenerator[None, None]:
    """Be what the flag in *kv* asks for while the block runs: *serve*, or *maintain*.

    The block begins as soon as one of them is up.
    On a change of the flag one body is closed, then the other opened.  A body that ends with
    KV_STATE_LOST is opened again.  What else a body raises ends the block: as it is while the first
    one opens, later in a group.
    """
    wish, presence = Wish(kv), Presence(kv, clock, _instance_id(ids))
    await wish.load()
    service = _Service(wish, presence, {False: serve, True: maintain}, clock)
    async with background(wish.follow, presence.keep, service.run):
        await service.up
        try:
            yield
        finally:
            wish.end()
            await service.ended.wait()


def _instance_id(ids: Ids) -> str:
    """Name this process for people: where it runs, and something that makes it the only one."""
    return f"{socket.gethostname()}-{ids.uuid()[:8]}"


class _Service:
    """Runs one body after the other."""

    def __init__(
        self, wish: Wish, presence: Presence, bodies: dict[bool, Body], clock: Clock
    ) -> None:
        self._wish = wish
        self._presence = presence
        self._bodies = bodies
        self._clock = clock
        self._mode = False
        """The last one that was reached."""
        self._pause = FIRST_PAUSE_SECONDS
        self.up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done as soon as the first body is up, or failed as it did."""
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Return when no mode is wanted any more."""
        try:
            while (mode := self._wish.maintenance) is not None:
                await self._be(maintenance=mode)
        except Exception as error:
            if self.up.done():
                raise
            self.up.set_exception(error)
        finally:
            self.ended.set()

    async def _be(self, *, maintenance: bool) -> None:
        """Be in one mode until another one is wanted, or until the body has to be opened again."""
        start = self._clock.monotonic()
        if not maintenance:  # nobody must take the instance for one that leaves its data alone
            self._presence.say(maintenance=self._mode, opening=True)
        try:
            async with self._bodies[maintenance]():
                self._is_up(maintenance=maintenance)
                await self._wish.turned_from(maintenance)
        except Exception as error:
            if not _lost_its_state(error):
                raise
            logger.warning("the key-value store lost its state: starting again")
            logger.debug("this is how it was noticed", exc_info=True)
            await self._wait(self._clock.monotonic() - start, maintenance=maintenance)

    def _is_up(self, *, maintenance: bool) -> None:
        logger.info("in maintenance mode" if maintenance else "serving")
        self._mode = maintenance
        self._presence.say(maintenance=maintenance)
        if not self.up.done():
            self.up.set_result(None)

    async def _wait(self, lasted: float, *, maintenance: bool) -> None:
        """Wait longer and longer, unless the body lasted, or another mode is wanted."""
        if lasted > MAX_PAUSE_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pause):
                await self._wish.turned_from(maintenance)
        self._pause = min(self._pause * 2, MAX_PAUSE_SECONDS)


def _lost_its_state(error: BaseException) -> bool:
    """Say whether this is, or has in it, that the key-value store is not what it was."""
    known = map(underlying, leaves(error))
    return any(each is not None and each.reason == STATE_LOST for each in known)
