"""One bucket: requests in threads, tried again while that may help."""

import asyncio
import random
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from minio import Minio

from agola.core.errors import UnavailableError
from agola.storage.objects.s3.failures import FAILURES, translated
from agola.storage.objects.threads import Threads

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0

T = TypeVar("T")


class Bucket:
    """What one component has in a bucket, by key."""

    def __init__(
        self, minio: Minio, name: str, prefix: str, *, threads: Threads, patience: float
    ) -> None:
        self.minio = minio
        self.name = name
        self.prefix = prefix
        """What its keys start with."""
        self._threads = threads
        self._patience = patience
        self._failing_since: float | None = None

    def key(self, path: str) -> str:
        return self.prefix + path

    async def call(self, work: Callable[[], T], path: str = "") -> T:
        """Do *work*, which asks S3 something for the object at *path* and may be repeated.

        It is repeated until S3 has been failing for longer than our patience: who comes later in
        an outage has one try, and need not wait to hear of it.  The errors that the port promises.
        """
        for failures in count():
            try:
                result = await self._threads.run(work)
            except FAILURES as error:
                failure = translated(error, path)
                if not isinstance(failure, UnavailableError) or self._is_out_of_patience():
                    raise failure from error
            else:
                self._failing_since = None
                return result
            await asyncio.sleep(_pause(failures))
        raise AssertionError

    def _is_out_of_patience(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._failing_since is None:
            self._failing_since = now
        return now - self._failing_since >= self._patience


def _pause(failures: int) -> float:
    """Say how many seconds to wait after having failed once more often than so, with jitter."""
    longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 8))
    return longest * random.uniform(0.5, 1)  # noqa: S311 (no secret)
