"""Working on the data of a service that is set aside: one at a time."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from agola.core.background import background
from agola.core.errors import PreconditionError, UnavailableError
from agola.model.maintenance import MaintainedService
from agola.storage.kv.port import KeyValue

LOCK = "maintenance/data"
LOCK_TTL = timedelta(seconds=15)
PATIENCE_SECONDS = 1.0
"""How long somebody waits for whoever works on the data already."""


@asynccontextmanager
async def working_alone(kv: KeyValue, service: MaintainedService) -> AsyncGenerator[None, None]:
    """Let nobody else work on the data during the block, in any process.

    PreconditionError: MAINTENANCE_BUSY.  UnavailableError: MAINTENANCE_INTERRUPTED, in the middle
    of the block, when nobody knows any more who else works.
    """
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                lock = await stack.enter_async_context(kv.lock(LOCK, ttl=LOCK_TTL))
        except TimeoutError as error:
            message = f"another import or export is at work on the data of the {service.value}"
            raise PreconditionError(
                message, reason="MAINTENANCE_BUSY", service=service.value
            ) from error

        async def until_lost() -> None:
            await lock.lost()
            message = f"the {service.value} forgot who works on its data: begin again"
            raise UnavailableError(message, reason="MAINTENANCE_INTERRUPTED", service=service.value)

        try:
            async with background(until_lost):
                yield
        except ExceptionGroup as errors:
            lost = errors.subgroup(UnavailableError)
            if lost is None:
                raise
            raise lost.exceptions[0] from None
