"""`python -m tests.testbed.import_process ROOT FILE N`: imports, and dies before its Nth change."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any, cast

from agola.cli.admin.exportfile import events
from agola.storage.kv.port import KeyValue
from agola.storage.objects.port import ObjectStorage
from tests.testbed.holdings import Kept, kept

CHANGES = frozenset({"write", "delete", "txn"})
"""Methods of storage that change something."""


class Mortal:
    """Storage that takes its process with it."""

    def __init__(self, inner: object, die: Callable[[], None]) -> None:
        self._inner = inner
        self._die = die

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in CHANGES:
            return found

        async def changing(*arguments: Any, **options: Any) -> Any:
            self._die()
            change: Awaitable[Any] = found(*arguments, **options)
            return await change

        return changing


async def run(root: Path, file: Path, last: int) -> None:
    numbers = count(1)

    def die() -> None:
        if next(numbers) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    async with kept(root) as store:
        mortal = Kept(
            cast(KeyValue, Mortal(store.kv, die)), cast(ObjectStorage, Mortal(store.objects, die))
        )
        with file.open("rb") as opened:
            await mortal.import_(events(opened, lambda _: None))


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
