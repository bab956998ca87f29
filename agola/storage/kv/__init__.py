"""The key-value store: live state."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agola.config.model import Config
from agola.storage.kv import embedded
from agola.storage.kv.port import KeyValue


@asynccontextmanager
async def opening(config: Config, component: str) -> AsyncGenerator[KeyValue, None]:
    """Open the store of *component*, which shares no key with those of others.

    PreconditionError: `KV_IN_USE` when another process has the embedded store open.
    """
    async with embedded.opening(config.data_dir / component / "kv.db") as store:
        yield store
