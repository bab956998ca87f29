"""Async context managers that a synchronous test holds open."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class CrashError(Exception):
    """The end of a process, as seen from inside of it."""


class Held(Generic[T]):
    """Keeps a context open in a task of its own, in which it is left as well."""

    def __init__(self, context: AbstractAsyncContextManager[T]) -> None:
        self._context = context

    async def enter(self) -> T:
        loop = asyncio.get_running_loop()
        self._entered: asyncio.Future[T] = loop.create_future()
        self._end: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(self._hold())
        either: list[asyncio.Future[Any]] = [self._entered, self._task]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not self._entered.done():
            self._task.result()
        return self._entered.result()

    async def leave(self) -> None:
        """Leave it in order."""
        if not self._end.done():
            self._end.set_result(None)
        await self._task

    async def crash(self) -> None:
        """Leave it by an error, after which nothing is tidied up."""
        if not self._end.done():
            self._end.set_exception(CrashError())
        await asyncio.wait([self._task])
        error = self._task.exception()
        if error is not None and not isinstance(error, CrashError):
            raise error

    async def ended(self) -> BaseException | None:
        """Wait until it ends by itself; say what it ended with."""
        await asyncio.wait([self._task])
        return self._task.exception()

    async def _hold(self) -> None:
        async with self._context as value:
            self._entered.set_result(value)
            await self._end
