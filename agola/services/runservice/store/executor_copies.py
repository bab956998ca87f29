"""What executors keep, over the network."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Self

from agola.clients.executor import ExecutorClient
from agola.core.errors import NotExistError
from agola.model.archive import ArchiveEvent
from agola.model.executor import ExecutorID
from agola.model.log import LogChunk, LogEnd, LogEvent, LogPart
from agola.model.run_config import RunID, TaskID
from agola.rpc.channel import dial
from agola.rpc.fanout import Fanout, fanning_out
from agola.rpc.resume import resuming
from agola.services.runservice.ports.logs import TaskPlace, TaskPlaces


@asynccontextmanager
async def executor_copies(
    places: TaskPlaces, *, token: str
) -> AsyncGenerator["NetworkCopies", None]:
    """Give the `ExecutorCopies` of all executors; their channels close with the block."""
    async with fanning_out() as fanout, _Executors(token) as executors:
        yield NetworkCopies(places, fanout, executors)


class NetworkCopies:
    """`ExecutorCopies`: asks the executor that has the task, wherever it is by then."""

    def __init__(self, places: TaskPlaces, fanout: Fanout, executors: "_Executors") -> None:
        self._places = places
        self._fanout = fanout
        self._executors = executors

    async def stream_log(
        self, place: TaskPlace, part: LogPart, *, offset: int = 0, follow: bool = False
    ) -> AsyncGenerator[LogEvent, None]:
        run_id, task_id = place.run_id, place.task.id

        async def open_at(start: int) -> AsyncGenerator[LogEvent | None, None]:
            client = await self._client(run_id, task_id)
            log = client.stream_task_log(task_id, part, offset=start, follow=follow)
            async with aclosing(log if follow else _ended(log, start)) as events:
                async for event in events:
                    yield event

        events: AsyncGenerator[LogEvent, None] = (
            self._fanout.read((task_id, part), offset, open_at)
            if follow
            else resuming(open_at, offset)
        )
        async with aclosing(events):
            async for event in events:
                yield event

    async def stream_archive(
        self, place: TaskPlace, step: int
    ) -> AsyncGenerator[ArchiveEvent, None]:
        run_id, task_id = place.run_id, place.task.id

        async def open_at(offset: int) -> AsyncGenerator[ArchiveEvent | None, None]:
            client = await self._client(run_id, task_id)
            async with aclosing(
                client.stream_task_archive(task_id, step, offset=offset)
            ) as archive:
                async for event in archive:
                    yield event

        events: AsyncGenerator[ArchiveEvent, None] = resuming(open_at, 0)
        async with aclosing(events):
            async for event in events:
                yield event

    async def _client(self, run_id: RunID, task_id: TaskID) -> ExecutorClient:
        place = await self._places.place(run_id, task_id)
        if place.executor_id is None:
            message = f"no executor has task {task_id}"
            raise NotExistError(message, reason="TASK_DOES_NOT_EXIST", taskId=task_id)
        return await self._executors.client(place.executor_id, place.executor_address)


async def _ended(
    events: AsyncGenerator[LogEvent | None, None], start: int
) -> AsyncGenerator[LogEvent | None, None]:
    """Put an end where a stream that was not to be followed closes."""
    position = start
    async with aclosing(events):
        async for event in events:
            yield event
            if isinstance(event, LogEnd):
                return
            if isinstance(event, LogChunk):
                position += len(event.data)
    yield LogEnd(position)


class _Executors:
    """One channel per executor, to where it is now."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._dialled: dict[ExecutorID, tuple[str, ExecutorClient, AsyncExitStack]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for _address, _client, stack in self._dialled.values():
            await stack.aclose()

    async def client(self, executor_id: ExecutorID, address: str) -> ExecutorClient:
        known = self._dialled.get(executor_id)
        if known is not None and known[0] == address:
            return known[1]
        stack = AsyncExitStack()
        client = ExecutorClient(await stack.enter_async_context(dial(address, token=self._token)))
        self._dialled[executor_id] = address, client, stack
        if known is not None:
            await known[2].aclose()  # streams from where it was break, and resume where it is
        return client
