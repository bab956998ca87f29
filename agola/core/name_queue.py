"""A queue of names: each is in it at most once, and handed out again only when it is put again."""

import asyncio
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class NameQueue(Generic[T]):
    """Names that need attention, in the order in which they first asked for it."""

    def __init__(self) -> None:
        self._names: dict[T, None] = {}
        self._filled = asyncio.Event()

    def put(self, names: Iterable[T]) -> None:
        self._names.update(dict.fromkeys(names))
        if self._names:
            self._filled.set()

    async def get(self) -> T:
        """Wait for a name, and take it out.  Any number may wait; each name goes to one."""
        while not self._names:
            await self._filled.wait()
        name = next(iter(self._names))
        del self._names[name]
        if not self._names:
            self._filled.clear()
        return name
