"""Who wants to know what changed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agola.model.executor import ExecutorID
from agola.model.run_config import RunID
from agola.services.runservice.ports.live import Touched


class Bell:
    """Rings when something changed.  Rings that nobody waited for count as one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
        self._event.clear()


class Bells:
    """The bells of one process."""

    def __init__(self) -> None:
        self._bells: dict[RunID | ExecutorID, set[Bell]] = {}
        self._listeners: list[Callable[[Touched], None]] = []

    def ring(self, touched: Touched) -> None:
        ids: list[RunID | ExecutorID] = [*touched.runs, *touched.executors]
        for id_ in ids:
            for bell in self._bells.get(id_, ()):
                bell.ring()
        for listener in tuple(self._listeners):
            listener(touched)

    @contextmanager
    def watching(self, id_: RunID | ExecutorID) -> Iterator[Bell]:
        bell = Bell()
        self._bells.setdefault(id_, set()).add(bell)
        try:
            yield bell
        finally:
            self._bells[id_].discard(bell)
            if not self._bells[id_]:
                del self._bells[id_]

    @contextmanager
    def listening(self, listener: Callable[[Touched], None]) -> Iterator[None]:
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)
