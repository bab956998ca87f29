"""agola.rpc.streams."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from agola.rpc.streams import with_heartbeats


async def items(*values: int) -> AsyncGenerator[int, None]:
    for value in values:
        yield value


async def test_items_pass_as_they_are() -> None:
    assert [item async for item in with_heartbeats(items(1, 2, 3), every=60)] == [1, 2, 3]


async def test_silence_is_filled_with_heartbeats() -> None:
    arrived = asyncio.Event()

    async def slow() -> AsyncGenerator[int, None]:
        await arrived.wait()
        yield 1

    async with aclosing(with_heartbeats(slow(), every=0.001)) as beating:
        assert [await anext(beating), await anext(beating)] == [None, None]
        arrived.set()
        while (item := await anext(beating)) is None:
            pass
        assert item == 1


@pytest.mark.parametrize("last", [StopAsyncIteration, LookupError])
async def test_an_end_that_nobody_waits_for_any_more_is_no_error(last: type[Exception]) -> None:
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, failure: failures.append(failure))
    ended = asyncio.Event()

    async def ending() -> AsyncGenerator[int, None]:
        try:
            await ended.wait()
        finally:
            reading.cancel()
        if last is LookupError:
            raise LookupError
        if not ended.is_set():
            yield 0

    async def read() -> None:
        async with aclosing(with_heartbeats(ending(), every=60)) as beating:
            await anext(beating)

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    ended.set()
    await asyncio.wait([reading])
    gc.collect()
    assert reading.cancelled()
    assert not failures
