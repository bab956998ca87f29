"""Logs of the runservice, each fetched once for all who read it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agola.model.log import LogEvent, LogPart
from agola.model.run_config import RunID, TaskID
from agola.rpc.fanout import Fanout
from agola.rpc.resume import resuming
from agola.services.gateway.ports.log import Logs


class SharedLogs:
    """`Logs` that bridges breaks of *source*, and where all followers of a log share one stream."""

    def __init__(self, source: Logs, fanout: Fanout) -> None:
        self._source = source
        self._fanout = fanout

    async def stream_task_log(
        self, run_id: RunID, task_id: TaskID, part: LogPart, *, offset: int, follow: bool
    ) -> AsyncGenerator[LogEvent | None, None]:
        def open_at(start: int) -> AsyncGenerator[LogEvent | None, None]:
            return self._source.stream_task_log(run_id, task_id, part, offset=start, follow=follow)

        events: AsyncGenerator[LogEvent, None] = (
            self._fanout.read((run_id, task_id, part), offset, open_at)
            if follow
            else resuming(open_at, offset)  # it ends at the size of now: nobody else's
        )
        async with aclosing(events):
            async for event in events:
                yield event
