"""Logs in object storage.

`logs/<task>/data/setup.log` and `logs/<task>/data/steps/<n>.log` hold the bytes; an empty
`logs/<task>/runs/<run>` says that a run needs them.
"""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

from agola.core.errors import NotExistError, OutOfRangeError
from agola.model.log import MAX_CHUNK_BYTES, LogChunk, LogEnd, LogEvent, LogPart
from agola.model.run_config import RunID, TaskID
from agola.services.runservice.store.storage_errors import storage_errors
from agola.storage.objects.port import ObjectStorage


class ObjectLogs:
    """`StoredLogs` in object storage."""

    def __init__(self, objects: ObjectStorage) -> None:
        self._objects = objects

    async def size(self, task_id: TaskID, part: LogPart) -> int | None:
        try:
            with storage_errors():
                return (await self._objects.stat(_path(task_id, part))).size
        except NotExistError:
            return None

    async def read(
        self, task_id: TaskID, part: LogPart, *, offset: int
    ) -> AsyncGenerator[LogEvent, None]:
        size = await self.size(task_id, part)
        if size is None:
            message = f"the log of {part} of task {task_id} doesn't exist"
            raise NotExistError(
                message, reason="LOG_DOES_NOT_EXIST", taskId=task_id, part=str(part)
            )
        if offset > size:
            message = f"the log has {size} bytes, {offset} is behind its end"
            raise OutOfRangeError(
                message, reason="OFFSET_PAST_END", size=str(size), offset=str(offset)
            )
        position = offset
        with storage_errors():
            async with aclosing(self._objects.read(_path(task_id, part), offset=offset)) as pieces:
                async for piece in pieces:
                    for start in range(0, len(piece), MAX_CHUNK_BYTES):
                        yield LogChunk(position + start, piece[start : start + MAX_CHUNK_BYTES])
                    position += len(piece)
        yield LogEnd(position)

    async def write(self, task_id: TaskID, part: LogPart, data: AsyncIterable[bytes]) -> int:
        return await self._objects.write(_path(task_id, part), data)

    async def own(self, task_id: TaskID, run_id: RunID) -> None:
        await self._objects.write(f"logs/{task_id}/runs/{run_id}", b"")


def _path(task_id: TaskID, part: LogPart) -> str:
    name = "setup" if part.step is None else f"steps/{part.step}"
    return f"logs/{task_id}/data/{name}.log"
