"""What an import leaves in storage until it is carried out, or given up; also if it dies.

imports/<id>/added/<n>         paths of objects that are new; written before them
imports/<id>/changed/<n>       the path of an object that becomes another one
imports/<id>/changed/<n>.data  what it becomes

Whether an import that died was carried out is said by the records themselves: one of type `import`
comes with those of an import that has files.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

import msgspec

from agola.core.errors import NotExistError
from agola.datamanager.port import DataManager
from agola.storage.objects.port import ObjectStorage

T = TypeVar("T")
logger = logging.getLogger(__name__)

IMPORT = "import"
"""The data type that an import with files leaves behind; in no export."""

FOLDER = "imports/"
CONCURRENT_CALLS = 8


async def unfinished(objects: ObjectStorage) -> list[str]:
    """Give the ids of imports that have left something behind."""
    ids: dict[str, None] = {}
    async with aclosing(objects.list(FOLDER)) as infos:
        async for info in infos:
            ids[info.path.removeprefix(FOLDER).partition("/")[0]] = None
    return list(ids)


async def settle_all(objects: ObjectStorage, data: DataManager) -> None:
    """Settle what imports that died have left behind.  No import may be going on."""
    for import_id in await unfinished(objects):
        try:
            await data.read(IMPORT, import_id)
        except NotExistError:
            carried_out = False
        else:
            carried_out = True
        logger.info("import %s died; %s", import_id, "ending" if carried_out else "clearing")
        await settle(objects, import_id, carried_out=carried_out)


async def settle(objects: ObjectStorage, import_id: str, *, carried_out: bool) -> None:
    """Make the files of an import those that count, or as if it never had been.

    Harmless to repeat, also after it was broken off.
    """
    folder = f"{FOLDER}{import_id}/"
    for path in await _paths(objects, f"{folder}added/"):
        if not carried_out:
            added = msgspec.json.decode(await _read(objects, path), type=list[str])
            await each(added, objects.delete)
        await objects.delete(path)
    for path in await _paths(objects, f"{folder}changed/"):
        if carried_out and not path.endswith(".data"):
            place = (await _read(objects, path)).decode()
            async with aclosing(objects.read(f"{path}.data")) as data:
                await objects.write(place, data)
        await objects.delete(path)


async def _paths(objects: ObjectStorage, prefix: str) -> list[str]:
    async with aclosing(objects.list(prefix)) as infos:
        return [info.path async for info in infos]


async def _read(objects: ObjectStorage, path: str) -> bytes:
    async with aclosing(objects.read(path)) as pieces:
        return b"".join([piece async for piece in pieces])


async def each(paths: Sequence[str], work: Callable[[str], Awaitable[T]]) -> list[T]:
    """Do something for each path, a few at a time.  Raises the first error as it is."""
    turns = asyncio.Semaphore(CONCURRENT_CALLS)

    async def one(path: str) -> T:
        async with turns:
            return await work(path)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(path)) for path in paths]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
