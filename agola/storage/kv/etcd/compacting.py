"""Keeping etcd's history bounded: by itself it keeps all of it, until its quota is full."""

import asyncio
import logging
from datetime import timedelta

from agola.core.errors import AgolaError
from agola.storage.kv.port import KeyValue, Revision

HISTORY = timedelta(minutes=10)
"""How much history is kept at least: a watch that was away for longer starts anew."""

_log = logging.getLogger(__name__)


async def compacting(store: KeyValue, history: timedelta = HISTORY) -> None:
    """Forget, every now and then, what is older than *history*.

    Any number of processes may do so at the same time: whoever was last kept the least.
    """
    seen = Revision(0)
    while True:
        try:
            newest = (await store.range("", limit=1)).revision
            if seen:
                await store.compact(seen)
            seen = newest
        except AgolaError as error:  # etcd is away, or forbids it; there is a next time
            _log.warning("the history of etcd was not compacted: %s", error)
            seen = Revision(0)
        await asyncio.sleep(history.total_seconds())
