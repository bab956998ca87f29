"""Blocking work for object storage, in threads of its own."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from agola.core.background import to_the_end

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A few threads that do the waiting for disks and networks."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do blocking work.  A cancelled caller waits for its end, so that he can tidy up.

        What the work opens it enters into something of the caller: there it is when nobody gets
        the result.
        """
        loop = asyncio.get_running_loop()
        return await to_the_end(loop.run_in_executor(self._pool, partial(work, *args, **kwargs)))


@contextmanager
def threads(count: int) -> Iterator[Threads]:
    """Have at most *count* threads for as long as the block runs; none is left after it."""
    with ThreadPoolExecutor(count, thread_name_prefix="objects") as pool:
        yield Threads(pool)
