"""Those who wait for a commit, and which of them share one."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from agola.core.errors import AgolaError
from agola.datamanager.port import Action, WalSequence
from agola.storage.kv.port import MAX_TXN_OPERATIONS

MAX_GROUPS = MAX_TXN_OPERATIONS - 2
"""Beside them, a transaction puts the head and the batch, and compares the head and the epoch."""
MAX_SHARED_BYTES = 4 * 1024 * 1024


@dataclass(eq=False, slots=True)
class Request:
    """What somebody wants to commit, if the change groups still have these versions."""

    actions: tuple[Action, ...]
    versions: dict[str, int]
    done: asyncio.Future[WalSequence]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = sum(len(action.data or b"") for action in self.actions)


class Waiting:
    """Requests in the order in which they came.  One task takes them."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        self._taken: list[Request] = []
        self._wake = asyncio.Event()

    def add(self, request: Request) -> None:
        self._requests.append(request)
        self._wake.set()

    async def take(self) -> list[Request]:
        """Wait for requests, and take from the front those that share a batch."""
        while True:
            await self._wake.wait()
            self._taken = self._take()
            if self._taken:
                return self._taken
            self._wake.clear()

    def fail(self, error: AgolaError) -> None:
        """Fail all that nobody has answered: those that wait, and those taken last."""
        fail([*self._taken, *self._requests], error)

    def _take(self) -> list[Request]:
        """Take from the front what fits together: no change group twice, and not too much."""
        taken: list[Request] = []
        names: set[str] = set()
        size = 0
        while self._requests:
            request = self._requests[0]
            size += request.size
            clash = not names.isdisjoint(request.versions)
            full = len(names) + len(request.versions) > MAX_GROUPS or size > MAX_SHARED_BYTES
            if taken and (clash or full):
                break
            names.update(request.versions)
            self._requests.popleft()
            if not request.done.done():  # nobody waits for it any more
                taken.append(request)
        return taken


def succeed(requests: Sequence[Request], sequence: WalSequence) -> None:
    """Tell all who still wait for it which batch it was."""
    for request in requests:
        if not request.done.done():
            request.done.set_result(sequence)


def fail(requests: Sequence[Request], error: AgolaError) -> None:
    """Tell all who still wait for it what went wrong."""
    for request in requests:
        if not request.done.done():
            request.done.set_exception(error)
