"""From the configuration to an open object storage."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from agola.config.model import Config, PosixFlatObjects, S3Objects
from agola.storage.objects import s3
from agola.storage.objects.port import ObjectStorage
from agola.storage.objects.posix import opening_posix
from agola.storage.objects.posixflat import opening_posixflat


@asynccontextmanager
async def opening(config: Config, component: str) -> AsyncGenerator[ObjectStorage, None]:
    """Open the object storage of *component*; no other component sees its objects."""
    async with _driver(config, component) as storage:
        yield storage


def _driver(config: Config, component: str) -> AbstractAsyncContextManager[ObjectStorage]:
    objects = config.objects
    if isinstance(objects, S3Objects):
        return s3.opening(objects, component)
    root = objects.path / component if objects.path else config.data_dir / component / "objects"
    if isinstance(objects, PosixFlatObjects):
        return opening_posixflat(root)
    return opening_posix(root)
