"""An instance tells that it lives, and in which mode."""

import asyncio
import logging
from datetime import timedelta

import msgspec

from agola.core.clock import Clock
from agola.core.errors import AgolaError
from agola.maintenance.flag import INSTANCES
from agola.model.maintenance import MaintenanceInstance
from agola.storage.kv.port import KeyValue, Lease, Put

logger = logging.getLogger(__name__)

TTL = timedelta(seconds=10)
"""How long an instance that died is still listed."""

RETRY_SECONDS = 1.0


class Presence:
    """Keeps the key of an instance, with a lease: it goes when the instance does."""

    def __init__(
        self, kv: KeyValue, clock: Clock, instance_id: str, *, ttl: timedelta = TTL
    ) -> None:
        self._kv = kv
        self._clock = clock
        self._id = instance_id
        self._ttl = ttl
        self._said: MaintenanceInstance | None = None
        self._news = asyncio.Event()

    def say(self, *, maintenance: bool, opening: bool = False) -> None:
        """Tell that the instance is in this mode from now on, or *opening* what is to serve."""
        self._said = MaintenanceInstance(
            id=self._id, maintenance=maintenance, change_time=self._clock.now(), opening=opening
        )
        self._news.set()

    async def keep(self) -> None:
        """Keep what was said last in the store, for ever, under a new lease when one is lost."""
        await self._news.wait()
        while True:
            try:
                async with self._kv.lease(self._ttl) as lease:
                    await self._until_lost(lease)
            except* AgolaError as lost:
                logger.warning("cannot tell that this instance lives: %s", lost.exceptions[0])
                await asyncio.sleep(RETRY_SECONDS)

    async def _until_lost(self, lease: Lease) -> None:
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell(lease))
            await lease.lost()
            telling.cancel()

    async def _tell(self, lease: Lease) -> None:
        while True:
            self._news.clear()
            value = msgspec.json.encode(self._said)
            await self._kv.txn([], [Put(INSTANCES + self._id, value, lease=lease.id)])
            await self._news.wait()
