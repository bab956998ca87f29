"""agola.core.name_queue."""

import asyncio

from agola.core.name_queue import NameQueue


async def test_names_come_out_once_in_the_order_in_which_they_asked() -> None:
    queue: NameQueue[str] = NameQueue()
    queue.put(["b", "a"])
    queue.put(["b"])
    assert [await queue.get(), await queue.get()] == ["b", "a"]
    queue.put(["b"])
    assert await queue.get() == "b"


async def test_each_name_goes_to_one_of_those_who_wait() -> None:
    queue: NameQueue[str] = NameQueue()
    waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.put(["a"])
    done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == ["a"]
    queue.put(["b", "c"])
    assert {await task for task in pending} == {"b", "c"}
