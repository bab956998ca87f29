"""Group commit: what is asked for while the disk is busy goes to it together, next."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from agola.core.errors import AgolaError, UnavailableError
from agola.storage.kv.embedded.file import translated
from agola.storage.kv.embedded.ledger import Ledger
from agola.storage.kv.port import Revision

T = TypeVar("T")
Job = Callable[[Ledger], T]
Told = Callable[[Sequence[str], Revision], None]


class Commits:
    """Runs jobs in order, on one thread, as many as are there in one commit.

    An fsync may take milliseconds, so that it is not for the event loop.  A job that raises an
    AgolaError must have written nothing: the others of its commit go on.
    """

    def __init__(self, db: sqlite3.Connection, told: Told) -> None:
        self._db = db
        self._ledger = Ledger(db)
        self._told = told
        self._waiting: list[tuple[Job[Any], asyncio.Future[Any]]] = []
        self._wake = asyncio.Event()
        self._closed = False

    async def run(self, job: Job[T]) -> T:
        """Run *job*; what it wrote is durable when this returns.

        Whoever stops waiting does not stop the job.
        """
        if self._closed:
            raise _closed()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, future))
        self._wake.set()
        return await future

    async def serve(self) -> None:
        """Commit until `close`, and then what is still waiting."""
        with ThreadPoolExecutor(1, thread_name_prefix="key-value") as thread:
            try:
                while not self._closed or self._waiting:
                    await self._wake.wait()
                    if not self._waiting:
                        continue
                    batch, self._waiting = self._waiting, []
                    self._wake.clear()
                    await self._commit(batch, thread)
            finally:
                self.close()
                _settle(self._waiting, [_closed()] * len(self._waiting))

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def _commit(
        self, batch: list[tuple[Job[Any], asyncio.Future[Any]]], thread: ThreadPoolExecutor
    ) -> None:
        jobs = [job for job, _ in batch]
        loop = asyncio.get_running_loop()
        results: list[Any] = [_closed()] * len(batch)  # if this is cancelled
        try:
            results = await loop.run_in_executor(thread, self._write, jobs)
            if self._ledger.touched:
                self._told(self._ledger.touched, Revision(self._ledger.revision))
        except Exception as error:  # noqa: BLE001 - it is for those who wait for the commit
            results = [error] * len(batch)
        finally:
            _settle(batch, results)

    def _write(self, jobs: Sequence[Job[Any]]) -> list[Any]:
        """Do all jobs in one transaction of the file; give what each returned or raised."""
        with translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._ledger.begin()
                results = [_attempt(job, self._ledger) for job in jobs]
                self._ledger.finish()
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        return results


def _attempt(job: Job[Any], ledger: Ledger) -> Any:
    try:
        return job(ledger)
    except AgolaError as error:
        return error


def _settle(batch: Sequence[tuple[Job[Any], asyncio.Future[Any]]], results: Sequence[Any]) -> None:
    for (_, future), result in zip(batch, results, strict=True):
        if future.done():  # whoever asked does not wait any more
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


def _closed() -> UnavailableError:
    return UnavailableError("the key-value store is closed", reason="KV_UNAVAILABLE")
