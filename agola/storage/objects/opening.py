"""From the configuration to an open object storage."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agola.config.model import Config
from agola.storage.objects.port import ObjectStorage
from agola.storage.objects.posix import opening_posix


@asynccontextmanager
async def opening(config: Config, component: str) -> AsyncGenerator[ObjectStorage, None]:
    """Open the object storage of *component*; no other component sees its objects."""
    path = config.objects.path
    root = path / component if path else config.data_dir / component / "objects"
    async with opening_posix(root) as storage:
        yield storage
