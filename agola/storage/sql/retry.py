"""The one place where a transaction that lost against another one is tried again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from agola.core.errors import ConcurrencyError
from agola.storage.sql.port import CONFLICT, Database, Transaction

TRIES = 10
FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.25

T = TypeVar("T")


async def transact(database: Database, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Do *work* in a transaction; all of it again, at most `TRIES` times, if it has to yield.

    ConcurrencyError (`SQL_CONFLICT`) after the last try.
    """
    for attempt in count(1):
        try:
            async with database.tx() as tx:
                return await work(tx)
        except ConcurrencyError as error:
            if error.reason != CONFLICT or attempt == TRIES:
                raise
        longest = min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 (no secret)
    raise AssertionError
