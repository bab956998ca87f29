"""Keeping the read database as new as the datamanager."""

import asyncio
import logging
import random
from contextlib import aclosing

from agola.core.errors import AgolaError, OutOfRangeError, UnavailableError
from agola.datamanager.port import Action, Batch, DataManager, WalSequence
from agola.datamanager.sequence import same_epoch
from agola.services.configstore.store.tables import TYPES, apply, clear
from agola.storage.sql import transact
from agola.storage.sql.port import Database, Transaction

logger = logging.getLogger(__name__)

BEHIND_SECONDS = 8.0
"""How long a caller waits for the read database."""
RETRY_SECONDS = 1.0
_SET_PROGRESS = (
    "INSERT INTO progress (id, wal_sequence) VALUES (0, ?)"
    " ON CONFLICT (id) DO UPDATE SET wal_sequence = excluded.wal_sequence"
)


class Projection:
    """Fills the read database from all objects, then follows what is committed."""

    def __init__(self, datamanager: DataManager, database: Database) -> None:
        self._datamanager = datamanager
        self._database = database
        self._applied = WalSequence("")
        self._moved = asyncio.Event()

    async def start(self) -> None:
        """Make the read database a copy, from the objects themselves if it lags too far."""
        async with self._database.read() as tx:
            self._applied = await _progress(tx)
        position = await self._datamanager.position()
        while self._applied < position or not same_epoch(self._applied, position):
            try:
                await self._follow(until=position)
            except OutOfRangeError:
                await self._rebuild()

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            try:
                await self._follow()
            except OutOfRangeError:
                await self._rebuild()
            except AgolaError:
                logger.exception("the read database cannot be brought up to date; trying again")
                await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311

    async def reached(self, sequence: WalSequence) -> None:
        """Wait until a batch is in the read database.  UnavailableError: READ_DATABASE_BEHIND."""
        try:
            async with asyncio.timeout(BEHIND_SECONDS):
                while self._applied < sequence:
                    await self._moved.wait()
        except TimeoutError as error:
            message = f"the read database has not come to {sequence} yet"
            raise UnavailableError(
                message, reason="READ_DATABASE_BEHIND", sequence=sequence
            ) from error

    async def _follow(self, *, until: WalSequence | None = None) -> None:
        async with aclosing(self._datamanager.follow(self._applied)) as batches:
            async for batch in batches:
                await self._apply(batch)
                if until is not None and batch.sequence >= until:
                    return

    async def _apply(self, batch: Batch) -> None:
        async def work(tx: Transaction) -> None:
            if await _progress(tx) >= batch.sequence:  # another process shares the database
                return
            for action in batch.actions:
                await apply(tx, action)
            await tx.execute(_SET_PROGRESS, (batch.sequence,))

        await transact(self._database, work)
        self._tell(batch.sequence)

    async def _rebuild(self) -> None:
        position = await self._datamanager.position()

        async def work(tx: Transaction) -> WalSequence:
            present = await _progress(tx)
            if present != self._applied:  # another process that shares the database was faster
                return present
            await clear(tx)
            for data_type in TYPES:
                async with aclosing(self._datamanager.scan(data_type)) as objects:
                    async for stored in objects:
                        await apply(tx, Action(stored.data_type, stored.id, stored.data))
            await tx.execute(_SET_PROGRESS, (position,))
            logger.info("the read database is built anew, as of %s", position)
            return position

        self._tell(await transact(self._database, work))

    def _tell(self, sequence: WalSequence) -> None:
        self._applied = sequence
        self._moved.set()
        self._moved = asyncio.Event()


async def _progress(tx: Transaction) -> WalSequence:
    rows = await tx.fetch("SELECT wal_sequence FROM progress")
    return WalSequence(rows[0][0] if rows else "")
