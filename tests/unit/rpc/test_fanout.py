"""agola.rpc.fanout."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agola.core.errors import NotExistError, OutOfRangeError, UnavailableError
from agola.model.log import LogChunk, LogEnd, LogEvent
from agola.rpc.fanout import Fanout, fanning_out
from tests.fakes.growing_log import GrowingLog

NO_DELAYS = (0.0,) * 5


async def collect(events: AsyncGenerator[LogEvent, None], start: int = 0) -> bytes:
    """Read to the end; every event must be where the last one ended."""
    data = bytearray()
    async with aclosing(events):
        async for event in events:
            if isinstance(event, LogEnd):
                assert event.size == start + len(data)
                return bytes(data)
            assert event.offset == start + len(data)
            data += event.data
    raise AssertionError("no end")


async def test_any_number_of_followers_share_one_upstream() -> None:
    log = GrowingLog(b"begin ")
    async with fanning_out() as fanout, asyncio.TaskGroup() as group:
        readers = [
            group.create_task(collect(fanout.read("log", 0, log.stream))) for _ in range(100)
        ]
        await log.until_open(1)
        await log.write(b"middle ")
        late = group.create_task(collect(fanout.read("log", 6, log.stream), 6))
        await log.write(b"end")
        await log.end()
    assert {reader.result() for reader in readers} == {b"begin middle end"}
    assert late.result() == b"middle end"
    assert log.opened == [0]


async def test_logs_of_different_keys_have_nothing_to_do_with_each_other() -> None:
    one, other = GrowingLog(b"one", ended=True), GrowingLog(b"other", ended=True)
    async with fanning_out() as fanout:
        assert await collect(fanout.read(1, 0, one.stream)) == b"one"
        assert await collect(fanout.read(2, 0, other.stream)) == b"other"


async def test_the_upstream_is_closed_when_its_last_reader_leaves() -> None:
    log = GrowingLog(b"abc")
    async with fanning_out() as fanout:
        for _ in range(2):
            one, other = fanout.read("log", 0, log.stream), fanout.read("log", 0, log.stream)
            await asyncio.gather(anext(one), anext(other))
            await one.aclose()
            assert log.open == 1
            await other.aclose()
            await log.until_open(0)
    assert log.opened == [0, 0]


async def test_a_cancelled_reader_leaves_the_others_alone() -> None:
    log = GrowingLog(b"abc")
    async with fanning_out() as fanout, asyncio.TaskGroup() as group:
        gone = group.create_task(collect(fanout.read("log", 0, log.stream)))
        stays = group.create_task(collect(fanout.read("log", 0, log.stream)))
        await log.until_open(1)
        gone.cancel()
        await asyncio.wait([gone])
        await log.write(b"def")
        await log.end()
    assert stays.result() == b"abcdef"
    assert log.opened == [0]


async def test_a_slow_reader_slows_only_himself_and_meets_the_others_again() -> None:
    data = random.Random(1).randbytes(400_000)
    log = GrowingLog(data, chunk=1000)
    async with fanning_out(window=8000) as fanout, asyncio.TaskGroup() as group:
        slow = fanout.read("log", 0, log.stream)
        first = await anext(slow)
        assert isinstance(first, LogChunk)
        fast = fanout.read("log", 0, log.stream)
        seen = 0
        while seen < len(data):  # the slow one does not move meanwhile
            event = await anext(fast)
            assert isinstance(event, LogChunk)
            seen += len(event.data)
        rest_of_slow = group.create_task(collect(slow, len(first.data)))
        rest_of_fast = group.create_task(collect(fast, seen))
        await log.until_open(2)
        await log.until_open(1)
        await log.write(b"more")
        await log.end()
    assert first.data + rest_of_slow.result() == data + b"more"
    assert rest_of_fast.result() == b"more"
    assert log.opened == [0, len(first.data)]


class Counted:
    """A log, and how far its upstreams read it."""

    def __init__(self, log: GrowingLog) -> None:
        self.log = log
        self.read = 0

    async def stream(self, offset: int) -> AsyncGenerator[LogEvent | None, None]:
        async with aclosing(self.log.stream(offset)) as events:
            async for event in events:
                if isinstance(event, LogChunk):
                    self.read = event.offset + len(event.data)
                yield event

    async def settle(self) -> None:
        """Let the upstreams go as far as they dare."""
        for _ in range(20):
            await asyncio.sleep(0)


async def test_the_upstream_is_read_ahead_of_the_fastest_reader_by_the_window_at_most() -> None:
    counted = Counted(GrowingLog(bytes(100_000), ended=True, chunk=1000))
    async with fanning_out(window=8000) as fanout:
        position = 0
        async with aclosing(fanout.read("log", 0, counted.stream)) as events:
            async for event in events:
                if isinstance(event, LogChunk):
                    position += len(event.data)
                await counted.settle()
                assert counted.read - position <= 8000
    assert position == 100_000


async def test_who_joins_ahead_of_a_reader_that_stands_still_is_not_held_up() -> None:
    counted = Counted(GrowingLog(bytes(range(40)), chunk=4))
    async with fanning_out(window=8) as fanout:
        still = fanout.read("log", 0, counted.stream)
        await anext(still)
        await counted.settle()
        start = counted.read
        assert start < 40
        ahead = await anext(fanout.read("log", start, counted.stream))
        assert ahead == LogChunk(start, bytes(range(start, start + 4)))
    assert counted.log.opened == [0]


async def test_a_broken_upstream_is_resumed_without_anybody_noticing() -> None:
    log = GrowingLog(b"abc")
    async with fanning_out(delays=NO_DELAYS) as fanout, asyncio.TaskGroup() as group:
        readers = [group.create_task(collect(fanout.read("log", 0, log.stream))) for _ in range(3)]
        await log.until_open(1)
        await log.cut()
        await log.until_opened(2)
        await log.write(b"def")
        await log.end()
    assert {reader.result() for reader in readers} == {b"abcdef"}
    assert log.opened == [0, 3]


async def test_an_error_reaches_every_reader_behind_the_bytes_that_came_before_it() -> None:
    log = GrowingLog(b"abc")
    async with fanning_out(delays=NO_DELAYS) as fanout:
        one, other = fanout.read("log", 0, log.stream), fanout.read("log", 0, log.stream)
        await asyncio.gather(anext(one), anext(other))
        await log.write(b"def")
        assert await anext(one) == LogChunk(3, b"def")
        await log.fail(NotExistError("gone", reason="TASK_DOES_NOT_EXIST", taskId="t"))
        with pytest.raises(NotExistError):
            await anext(one)
        assert await anext(other) == LogChunk(3, b"def")
        with pytest.raises(NotExistError) as caught:
            await anext(other)
        assert (caught.value.reason, caught.value.metadata) == (
            "TASK_DOES_NOT_EXIST",
            {"taskId": "t"},
        )


async def test_after_an_error_a_new_reader_gets_a_new_upstream() -> None:
    log = GrowingLog(b"abc")
    async with fanning_out(delays=()) as fanout:
        old = fanout.read("log", 0, log.stream)
        await anext(old)
        await log.cut()
        await log.until_open(0)
        await log.end()
        assert await collect(fanout.read("log", 0, log.stream)) == b"abc"
        with pytest.raises(UnavailableError):
            await anext(old)


async def test_an_offset_behind_the_end_is_the_fault_of_that_reader_alone() -> None:
    log = GrowingLog(b"abc")
    async with fanning_out() as fanout:
        good = fanout.read("log", 0, log.stream)
        await anext(good)
        with pytest.raises(OutOfRangeError):
            await anext(fanout.read("log", 4, log.stream))
        await log.end()
        assert await anext(good) == LogEnd(3)


async def test_closing_ends_every_reader_as_unavailable() -> None:
    log = GrowingLog()

    async def follow(fanout: Fanout) -> None:
        with pytest.raises(UnavailableError):
            await collect(fanout.read("log", 0, log.stream))
        with pytest.raises(UnavailableError):
            await collect(fanout.read("log", 0, log.stream))

    async with asyncio.TaskGroup() as group, fanning_out() as fanout:
        group.create_task(follow(fanout))
        await log.until_open(1)
    assert log.open == 0


class Chaos:
    """Readers, a writer and a breaker of one log, each at a pace of its own."""

    def __init__(self, seed: int, size: int) -> None:
        self.chance = random.Random(seed)
        self.data = self.chance.randbytes(size)
        self.log = GrowingLog(chunk=self.chance.randint(1, 300))

    async def pace(self, steps: int) -> None:
        for _ in range(self.chance.randint(0, steps)):
            await asyncio.sleep(0)

    async def read(self, fanout: Fanout, offset: int, slowness: int) -> None:
        await self.log.until_written(offset)
        got = bytearray()
        async with aclosing(fanout.read("log", offset, self.log.stream)) as events:
            while not isinstance(event := await anext(events), LogEnd):
                assert event.offset == offset + len(got)
                got += event.data
                await self.pace(slowness)
        assert event.size == len(self.data)
        assert got == self.data[offset:]

    async def write(self) -> None:
        while (written := len(self.log.data)) < len(self.data):
            await self.log.write(self.data[written : written + self.chance.randint(1, 500)])
            await self.pace(5)
        await self.log.end()

    async def disturb(self, breaks: int) -> None:
        for _ in range(breaks):
            await self.pace(30)
            await self.log.cut()


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(0, 3000),
    window=st.sampled_from([1, 50, 400, 10_000]),
    readers=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 20)), min_size=1, max_size=8),
    breaks=st.integers(0, 4),
)
def test_every_reader_gets_exactly_the_bytes_behind_his_offset(
    seed: int, size: int, window: int, readers: list[tuple[float, int]], breaks: int
) -> None:
    """Whatever the offsets, speeds, breaks and sizes of writes are."""
    chaos = Chaos(seed, size)

    async def scenario() -> None:
        async with fanning_out(window=window, delays=NO_DELAYS) as fanout:
            async with asyncio.TaskGroup() as group:
                for start, slowness in readers:
                    group.create_task(chaos.read(fanout, int(size * start), slowness))
                group.create_task(chaos.write())
                group.create_task(chaos.disturb(breaks))
            await chaos.log.until_open(0)

    asyncio.run(scenario())
