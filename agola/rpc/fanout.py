"""One upstream per log, any number of readers."""

import asyncio
from collections.abc import AsyncGenerator, Hashable, Sequence
from contextlib import aclosing, asynccontextmanager
from contextvars import Context

from agola.core.errors import UnavailableError
from agola.model.log import LogEnd, LogEvent
from agola.rpc.resume import DELAYS_SECONDS, Open, resuming
from agola.rpc.window import LogWindow

WINDOW_BYTES = 4 * 1024**2
CATCH_UP_BYTES = 1024**2
"""The window of an upstream that serves readers who are elsewhere than the others."""


@asynccontextmanager
async def fanning_out(
    *, window: int = WINDOW_BYTES, delays: Sequence[float] = DELAYS_SECONDS
) -> AsyncGenerator["Fanout", None]:
    """Give a `Fanout` that lives as long as the block; what is still read then ends UNAVAILABLE."""
    async with asyncio.TaskGroup() as group:
        fanout = Fanout(group, window=window, delays=delays)
        yield fanout
        fanout.close()


class Fanout:
    """Streams of logs that readers share.

    An upstream is read at the speed of its fastest reader and keeps a window of what came last.
    Readers inside the window share it.  A reader who falls out of it, or starts elsewhere, is given
    another upstream at his place until the two meet: so a slow reader slows only himself.  Readers
    who are up to date always meet, on the oldest upstream.  One is closed when its last reader is
    gone.
    """

    def __init__(self, group: asyncio.TaskGroup, *, window: int, delays: Sequence[float]) -> None:
        self._group = group
        self._window = window
        self._delays = delays
        self._upstreams: dict[Hashable, list[_Upstream]] = {}
        self._closed = False

    async def read(
        self, key: Hashable, offset: int, open_at: Open[LogEvent]
    ) -> AsyncGenerator[LogEvent, None]:
        """Give the bytes of the log *key* from *offset* on, without gap or repeat, and its end.

        *open_at* starts an upstream; that of any reader of a key serves the others too.  Breaks are
        bridged as `resuming` does; every other error reaches all readers of that upstream.
        """
        upstream: _Upstream | None = None
        position = offset
        try:
            while True:
                found = self._find(key, position, upstream) or self._start(key, position, open_at)
                if found is not upstream:
                    found.readers += 1
                    self._leave(key, upstream)
                    upstream = found
                event = await upstream.next(position)
                if event is None:
                    continue
                yield event
                if isinstance(event, LogEnd):
                    return
                position += len(event.data)
        finally:
            self._leave(key, upstream)

    def close(self) -> None:
        """End every upstream; their readers get an UnavailableError."""
        self._closed = True
        for upstreams in self._upstreams.values():
            for upstream in upstreams:
                upstream.close()

    def _find(
        self, key: Hashable, position: int, current: "_Upstream | None"
    ) -> "_Upstream | None":
        """Find the oldest upstream that a reader at *position* can go on with."""
        for upstream in self._upstreams.get(key, ()):
            if upstream is current and upstream.covers(position):
                return current
            if upstream.welcomes(position):
                return upstream
        return None

    def _start(self, key: Hashable, position: int, open_at: Open[LogEvent]) -> "_Upstream":
        if self._closed:
            raise _closed()
        others = self._upstreams.setdefault(key, [])
        window = min(self._window, CATCH_UP_BYTES) if others else self._window
        upstream = _Upstream(LogWindow(position, window))
        events: AsyncGenerator[LogEvent, None] = resuming(open_at, position, delays=self._delays)
        # The stream is nobody's in particular: what the present call knows of its caller stays out.
        upstream.task = self._group.create_task(upstream.pump(events), context=Context())
        others.append(upstream)
        return upstream

    def _leave(self, key: Hashable, upstream: "_Upstream | None") -> None:
        if upstream is None:
            return
        upstream.readers -= 1
        if not upstream.readers:
            upstream.task.cancel()
            self._upstreams[key].remove(upstream)
            if not self._upstreams[key]:
                del self._upstreams[key]


class _Upstream:
    """One stream from the source, and the window that its readers share."""

    task: asyncio.Task[None]

    def __init__(self, window: LogWindow) -> None:
        self.readers = 0
        self._window = window
        self._end: LogEnd | None = None
        self._error: Exception | None = None
        self._reached = window.high
        """How far the fastest reader has come."""
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    def covers(self, position: int) -> bool:
        return self._window.low <= position <= self._window.high

    def welcomes(self, position: int) -> bool:
        """Say whether a reader may come in: not at the very edge, where he would soon fall out."""
        edge = self._window.limit // 4 if self._window.full else 0
        inside = self._window.low + edge <= position <= self._window.high
        return inside and self._error is None

    async def next(self, position: int) -> LogEvent | None:
        """Wait for what follows *position*.  None: it has left the window, look elsewhere."""
        self._reached = max(self._reached, position)
        self._room.set()
        while True:
            if position < self._window.low:
                return None
            if position < self._window.high:
                return self._window.take(position)
            if self._end is not None:
                return self._end
            if self._error is not None:
                raise self._error.with_traceback(None)
            await self._news.wait()

    async def pump(self, events: AsyncGenerator[LogEvent, None]) -> None:
        """Fill the window until the log ends; ahead of the fastest reader by half of it at most."""
        try:
            async with aclosing(events):
                async for event in events:
                    await self._note(event)
        except Exception as error:  # noqa: BLE001  it is the readers who are told
            self._error = error
            self._tell()

    def close(self) -> None:
        self._error = self._error or _closed()
        self.task.cancel()
        self._tell()

    async def _note(self, event: LogEvent) -> None:
        if isinstance(event, LogEnd):
            self._end = event
        else:
            self._window.append(event.data)
        self._tell()
        while self._window.high - self._reached > self._window.limit // 2:
            self._room.clear()
            await self._room.wait()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _closed() -> UnavailableError:
    return UnavailableError("the stream was closed", reason="STREAM_CLOSED")
