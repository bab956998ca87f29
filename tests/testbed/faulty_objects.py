"""A real object storage in which requests go wrong as told."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal

from agola.core.errors import AgolaError, UnavailableError
from agola.storage.objects.port import ObjectInfo, ObjectStorage

Operation = Literal["stat", "read", "write", "delete", "list"]


class Fault(Enum):
    """What may become of a request."""

    BEFORE = auto()
    """It fails, and nothing was done."""
    AFTER = auto()
    """It fails although all of it was done."""
    STALL = auto()
    """It waits until `Trouble.go_on`, and then is carried out."""
    TRUNCATE = auto()
    """A read ends early, as if that were all."""


@dataclass(eq=False)
class Trouble:
    """Which requests go wrong, and how."""

    fault: Fault
    on: frozenset[str]
    path: str
    times: int
    error: AgolaError
    met: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a request has met it."""
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    """To be set, for those that stall."""

    def takes(self, operation: str, path: str) -> bool:
        """Say whether this request is one of them, and count it."""
        if not self.times or operation not in self.on or self.path not in path:
            return False
        self.times -= 1
        self.met.set()
        return True


class FaultyObjects:
    """`ObjectStorage` over another one."""

    def __init__(self, objects: ObjectStorage) -> None:
        self._objects = objects
        self._troubles: list[Trouble] = []

    def fail(
        self,
        *on: Operation,
        fault: Fault = Fault.BEFORE,
        path: str = "",
        times: int = 1,
        error: AgolaError | None = None,
    ) -> Trouble:
        """Let requests for paths with *path* in them go wrong: the next one, or -1 for all."""
        trouble = Trouble(fault, frozenset(on), path, times, error or outage())
        self._troubles.append(trouble)
        return trouble

    def heal(self) -> None:
        """Let everything be well from now on."""
        for trouble in self._troubles:
            trouble.times = 0
            trouble.go_on.set()

    async def stat(self, path: str) -> ObjectInfo:
        trouble = await self._begin("stat", path)
        info = await self._objects.stat(path)
        _end(trouble)
        return info

    async def read(
        self, path: str, *, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        trouble = await self._begin("read", path)
        async with aclosing(self._objects.read(path, offset=offset, size=size)) as pieces:
            async for piece in pieces:
                if trouble is not None and trouble.fault is not Fault.STALL:
                    yield piece[: len(piece) // 2]
                    break
                yield piece
        _end(trouble)

    async def write(self, path: str, data: bytes | AsyncIterable[bytes]) -> int:
        trouble = await self._begin("write", path)
        size = await self._objects.write(path, data)
        _end(trouble)
        return size

    async def delete(self, path: str) -> None:
        trouble = await self._begin("delete", path)
        await self._objects.delete(path)
        _end(trouble)

    async def list(
        self, prefix: str = "", *, after: str = "", recursive: bool = True
    ) -> AsyncGenerator[ObjectInfo, None]:
        trouble = await self._begin("list", prefix)
        found = self._objects.list(prefix, after=after, recursive=recursive)
        async with aclosing(found) as infos:
            async for info in infos:
                yield info
        _end(trouble)

    async def _begin(self, operation: Operation, path: str) -> Trouble | None:
        trouble = next((each for each in self._troubles if each.takes(operation, path)), None)
        if trouble is not None and trouble.fault is Fault.BEFORE:
            raise trouble.error
        if trouble is not None and trouble.fault is Fault.STALL:
            await trouble.go_on.wait()
        return trouble


def outage() -> UnavailableError:
    """Make what a storage that is away says."""
    message = "object storage is unavailable: a test says so"
    return UnavailableError(message, reason="OBJECT_STORAGE_UNAVAILABLE")


def _end(trouble: Trouble | None) -> None:
    if trouble is not None and trouble.fault is Fault.AFTER:
        raise trouble.error
