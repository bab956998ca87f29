"""What is special about the etcd driver, with one healthy etcd."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from uuid import uuid4

import pytest

from agola.config.model import Config, EtcdKeyValue
from agola.core.errors import OutOfRangeError
from agola.storage.kv import opening
from agola.storage.kv.etcd.compacting import compacting
from agola.storage.kv.port import Changes, KeyValue, Put, Revision
from tests.testbed.etcd_process import EtcdServer

pytest_plugins = ["tests.testbed.etcd"]


@pytest.fixture
async def store(etcd_server: EtcdServer) -> AsyncGenerator[KeyValue, None]:
    driver = EtcdKeyValue(endpoints=(etcd_server.endpoint,), prefix=f"{uuid4()}/")
    async with opening(Config(key_value=driver), "tests") as opened:
        yield opened


async def put(store: KeyValue, key: str) -> Revision:
    return (await store.txn([], [Put(key, b"")])).revision


async def test_history_is_forgotten_once_it_is_old_enough(store: KeyValue) -> None:
    first = await put(store, "a")
    await put(store, "a")
    task = asyncio.create_task(compacting(store, timedelta(milliseconds=1)))
    try:
        assert await why_it_ended(store, first) == "REVISION_COMPACTED"
    finally:
        task.cancel()
    newest = await put(store, "a")
    assert (await store.range("", revision=newest)).entries


async def why_it_ended(store: KeyValue, revision: Revision) -> str:
    async with asyncio.timeout(10):
        while True:
            try:
                await store.range("", revision=revision)
            except OutOfRangeError as error:
                return error.reason


async def test_members_that_nobody_is_at_are_passed_over(etcd_server: EtcdServer) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen: refused
        absent = f"127.0.0.1:{nobody.getsockname()[1]}"
        endpoints = (absent, absent, etcd_server.endpoint)
        driver = EtcdKeyValue(endpoints=endpoints, prefix=f"{uuid4()}/")
        async with opening(Config(key_value=driver), "tests") as store:
            assert (await store.txn([], [Put("a", b"")])).succeeded


async def test_a_member_that_accepts_and_says_nothing_is_passed_over(
    etcd_server: EtcdServer,
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoints = (f"127.0.0.1:{silent.getsockname()[1]}", etcd_server.endpoint)
        driver = EtcdKeyValue(endpoints=endpoints, prefix=f"{uuid4()}/")
        async with opening(Config(key_value=driver), "tests") as store, asyncio.timeout(5):
            start = (await store.range("")).revision
            await put(store, "a")
            async with aclosing(store.watch("", after=start)) as stream:
                changes: Changes = await anext(stream)
    assert [change.key for change in changes.changes] == ["a"]
