"""Keeping a read database as new as the datamanager."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress

from agola.core.background import background
from agola.core.errors import AgolaError, OutOfRangeError, UnavailableError
from agola.core.trouble import Trouble
from agola.datamanager.port import Batch, DataManager, WalSequence
from agola.datamanager.sequence import same_epoch
from agola.readdb.tables import NOTHING, Tables, progress, set_progress
from agola.storage.sql import transact
from agola.storage.sql.port import LOST, Database, Transaction

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 8.0
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0


class ReadDatabase:
    """The objects of a datamanager in tables.

    Several processes may share the tables: each follows the datamanager, one applies a batch, the
    others find it applied.  How far the tables are is written in the transaction that changes them,
    and read in each that asks them.
    """

    def __init__(
        self,
        database: Database,
        datamanager: DataManager,
        tables: Tables,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Let callers wait for the tables for at most *patience* seconds."""
        self._database = database
        self._datamanager = datamanager
        self._tables = tables
        self._patience = patience
        self._applied = NOTHING
        self._promised = NOTHING
        self._moved = asyncio.Event()
        self._trouble = Trouble(logger, over="the read database keeps up again")
        self._trust: asyncio.Timeout | None = None
        """While the tables are trusted: runs out when somebody doubts."""

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Transaction, None]:
        """Ask the tables: all that `reached` said is in them.

        UnavailableError: `READ_DATABASE_BEHIND` while they are built, `SQL_UNAVAILABLE`.
        """
        expected = self._promised
        try:
            async with self._database.read() as tx:
                present = await progress(tx)
                if present == NOTHING or present < expected:
                    raise _behind(expected)
                yield tx
        except UnavailableError as error:
            self._doubt()
            if error.reason == LOST:
                raise _behind(expected) from error
            raise

    async def reached(self, sequence: WalSequence) -> None:
        """Wait until a batch is in the tables.  UnavailableError: `READ_DATABASE_BEHIND`."""
        try:
            async with asyncio.timeout(self._patience):
                await self._until(sequence)
        except TimeoutError as error:
            raise _behind(sequence) from error

    async def ready(self) -> None:
        """Wait until everything is in the tables that was committed before this call."""
        await self._until((await self._datamanager.groups(())).position)

    async def run(self) -> None:
        """Keep the tables true, for ever, whatever becomes of them."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            before = self._applied
            try:
                await self._keep_up()
            except AgolaError as error:
                self._trouble.say(f"the read database falls behind: {error}")
                pause = FIRST_PAUSE_SECONDS if self._applied != before else pause * 2
                pause = min(pause, LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 (no secret)

    async def _keep_up(self) -> None:
        """Follow the datamanager as long as the tables are as they were left, else build them."""
        seen = NOTHING
        try:
            seen = await self._stored()
            if not await self._is_known(seen):
                raise _elsewhere(seen)
            self._tell(seen)
            self._trouble.end()
            async with self._until_doubted():
                await self._follow(seen)
        except (OutOfRangeError, UnavailableError) as error:
            if isinstance(error, UnavailableError) and error.reason != LOST:
                raise
            why = error.metadata.get("cause", error)
            logger.info("the read database is built anew: %s", why)
            await self._build(seen)

    async def _follow(self, position: WalSequence) -> None:
        async with aclosing(self._datamanager.follow(position)) as batches:
            async for batch in batches:
                present = await self._apply(batch, after=position)
                if present < batch.sequence or not await self._is_known(present):
                    return
                self._tell(present)
                position = batch.sequence

    async def _apply(self, batch: Batch, *, after: WalSequence) -> WalSequence:
        """Apply a batch to tables that are as of the one before.  Gives as of which they are."""

        async def work(tx: Transaction) -> WalSequence:
            present = await progress(tx)
            if present != after:  # another process was faster, or somebody put something else here
                return present
            await self._tables.apply(tx, batch.actions)
            await set_progress(tx, batch.sequence)
            return batch.sequence

        return await transact(self._database, work)

    async def _build(self, seen: WalSequence) -> None:
        """Fill the tables from the objects, unless another process has just done so."""
        async with self._database.fresh() as tx:
            present = await progress(tx)
            position = await self._datamanager.position()
            known = same_epoch(present, position) and await self._is_known(present)
            if present != seen and known:
                return
            async with self._datamanager.view() as view:
                await self._tables.clear(tx)
                for data_type in self._tables.data_types:
                    async with aclosing(view.scan(data_type)) as objects:
                        await self._tables.load(tx, objects)
                await set_progress(tx, view.position)
        logger.info("the read database is built, as of %s", view.position)

    async def _stored(self) -> WalSequence:
        """Say how far the tables are.  OutOfRangeError if they were never filled."""
        async with self._database.read() as tx:
            present = await progress(tx)
        if present == NOTHING:
            raise _elsewhere(present)
        return present

    async def _is_known(self, position: WalSequence) -> bool:
        """Say whether the log has come to *position*."""
        known = await self._datamanager.position()
        return position <= known or position <= (await self._datamanager.groups(())).position

    async def _until(self, sequence: WalSequence) -> None:
        while self._applied < sequence:
            await self._moved.wait()

    def _tell(self, position: WalSequence) -> None:
        self._applied = position
        self._promised = max(self._promised, position)
        self._moved.set()
        self._moved = asyncio.Event()

    @asynccontextmanager
    async def _until_doubted(self) -> AsyncGenerator[None, None]:
        """Break the block off when somebody doubts."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as trust:
                self._trust = trust
                try:
                    yield
                finally:
                    self._trust = None

    def _doubt(self) -> None:
        """Have somebody look whether the tables are still what they were."""
        if self._trust and not self._trust.expired():
            self._trust.reschedule(asyncio.get_running_loop().time())


@asynccontextmanager
async def following(
    database: Database, datamanager: DataManager, tables: Tables
) -> AsyncGenerator[ReadDatabase, None]:
    """Give the read database, true up to now, and keep it true while the block runs."""
    copy = ReadDatabase(database, datamanager, tables)
    async with background(copy.run):
        await copy.ready()
        yield copy


def _elsewhere(position: WalSequence) -> OutOfRangeError:
    message = f"it is as of {position or 'no batch at all'}, where the log never was"
    return OutOfRangeError(message, reason="WAL_SEQUENCE_GONE", sequence=position)


def _behind(sequence: WalSequence) -> UnavailableError:
    message = f"the read database has not come to {sequence} yet: try again in a moment"
    return UnavailableError(message, reason="READ_DATABASE_BEHIND", sequence=sequence)
