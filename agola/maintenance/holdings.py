"""What a service keeps, as those need to know it who carry it in and out."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agola import datamanager
from agola.datamanager.port import DataManager, View
from agola.maintenance.alone import LOCK, LOCK_TTL, working_alone
from agola.maintenance.codec import Codec, Files
from agola.maintenance.settling import settle_all, unfinished
from agola.model.maintenance import MaintainedService
from agola.storage.kv.port import KeyValue
from agola.storage.objects.port import ObjectStorage


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """The data of a service: where it is, and who can read it."""

    service: MaintainedService
    kv: KeyValue
    objects: ObjectStorage
    base: str
    """Below which the datamanager has its objects."""
    codec: Codec
    files: Files | None = None
    """None: there are only records."""

    @asynccontextmanager
    async def viewing(self) -> AsyncGenerator[View, None]:
        """Hold on to all records of a service that is set aside, and has no datamanager open.

        PreconditionError: MAINTENANCE_BUSY.
        """
        async with (
            working_alone(self.kv, self.service),
            datamanager.opening(self.kv, self.objects, self.base) as data,
        ):
            await settle_all(self.objects, data)  # so that the files are those of the records
            async with data.view() as view:
                yield view

    async def settle(self, data: DataManager) -> None:
        """End what an import that died has begun.  To be done before the service serves."""
        if await unfinished(self.objects):
            async with self.kv.lock(LOCK, ttl=LOCK_TTL):
                await settle_all(self.objects, data)
