"""One bucket: requests in threads, tried again while that may help."""

import asyncio
import random
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from minio import Minio

from agola.core.errors import UnavailableError
from agola.storage.objects.s3.failures import FAILURES, translated
from agola.storage.objects.s3.patience import Patience
from agola.storage.objects.threads import Threads

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0

T = TypeVar("T")


class Bucket:
    """What one component has in a bucket, by key."""

    def __init__(
        self, minio: Minio, name: str, prefix: str, *, threads: Threads, patience: Patience
    ) -> None:
        self.minio = minio
        self.name = name
        self.prefix = prefix
        """What its keys start with."""
        self._threads = threads
        self._patience = patience

    def key(self, path: str) -> str:
        return self.prefix + path

    async def call(self, work: Callable[[], T], path: str = "") -> T:
        """Do *work*, which asks S3 something for the object at *path* and may be repeated.

        The errors that the port promises.
        """
        for failures in count():
            try:
                result = await self._threads.run(work)
            except FAILURES as error:
                failure = translated(error, path)
                if not isinstance(failure, UnavailableError):
                    self._patience.answered()
                    raise failure from error
                if not self._patience.failed():
                    raise failure from error
            else:
                self._patience.answered()
                return result
            await asyncio.sleep(_pause(failures))
        raise AssertionError


def _pause(failures: int) -> float:
    """Say how many seconds to wait after having failed once more often than so, with jitter."""
    longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 8))
    return longest * random.uniform(0.5, 1)  # noqa: S311 (no secret)
