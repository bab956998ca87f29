"""The write-ahead log as one process sees it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from agola.core.errors import AgolaError, NotExistError, OutOfRangeError, UnavailableError
from agola.datamanager.errors import StateLostError
from agola.datamanager.layout import (
    HEAD,
    LOG,
    SNAPSHOT,
    WALS,
    DataStatus,
    WalHeader,
    epoch_key,
)
from agola.datamanager.overlay import Overlay
from agola.datamanager.port import Action, Batch, WalSequence
from agola.datamanager.sequence import same_epoch
from agola.datamanager.snapshot import Snapshots
from agola.datamanager.wal import WalObjects
from agola.storage.kv.port import Changes, Compare, Entry, KeyValue, Revision

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class Log:
    """Follows the key-value store.  What it holds is of one moment between two awaits."""

    def __init__(self, kv: KeyValue, wals: WalObjects, snapshots: Snapshots) -> None:
        self._kv = kv
        self._wals = wals
        self._snapshots = snapshots
        self._revision = Revision(0)
        self._moved = asyncio.Event()
        self.ended: AgolaError | None = None
        """What ended it, for all who wait for something to happen here."""
        self._own: dict[str, Batch] = {}
        self._following: dict[WalSequence | None, WalSequence] = {}
        self.overlay = Overlay()
        """What happened since the snapshot."""
        self.headers: dict[WalSequence, WalHeader] = {}
        """The batches that the key-value store knows, in order."""
        self.guard: Compare
        """Holds as long as the epoch does: it is for every transaction of a datamanager."""
        self.snapshot: DataStatus
        self.snapshot_revision = Revision(0)

    @property
    def last(self) -> WalSequence:
        return next(reversed(self.headers))

    def expect(self, header: WalHeader, actions: tuple[Action, ...]) -> None:
        """Keep the data of a batch that this process is about to commit."""
        self._own[header.data_id] = Batch(header.sequence, actions)

    def forget(self, header: WalHeader) -> None:
        """Drop what was expected: perhaps it was not committed."""
        self._own.pop(header.data_id, None)

    async def load(self) -> None:
        """Read everything anew.  Followers go on, or find that what they need is gone."""
        page = await self._kv.range(LOG)
        entries = {entry.key: entry for entry in page.entries}
        headers = [_header_of(entry) for key, entry in entries.items() if key.startswith(WALS)]
        if SNAPSHOT not in entries or HEAD not in entries or not headers:
            raise StateLostError("is gone")
        guard = entries.get(epoch_key(headers[-1].sequence))
        if guard is None or not self._is_continued_by(headers):
            raise StateLostError("is not what it was")
        self.guard = Compare(guard.key, guard.mod_revision)
        status = await self._snapshots.status(_pointer_in(entries[SNAPSHOT]))
        unmerged = [header for header in headers if header.sequence > status.wal_sequence]
        batches = await asyncio.gather(*map(self._wals.read_data, unmerged))
        self.overlay, self._following, self.headers = Overlay(), {}, {}
        self._use(status, entries[SNAPSHOT])
        for header in headers:
            self._add(header)
        for batch in batches:
            self.overlay.add(batch)
        self._revision = page.revision
        self._tell()

    async def run(self) -> None:
        """Follow the key-value store for ever.  StateLostError."""
        try:
            await self._follow()
        except AgolaError as error:
            self.end(error)
            raise

    def end(self, error: AgolaError) -> None:
        """Let *error* be what all hear that wait for something to happen here."""
        self.ended = self.ended or error
        self._tell()

    async def _follow(self) -> None:
        while True:
            try:
                async with aclosing(self._kv.watch(LOG, after=self._revision)) as told:
                    async for changes in told:
                        await self._apply(changes)
            except (OutOfRangeError, NotExistError) as error:
                if error.reason == "REVISION_REGRESSED":
                    raise StateLostError("is older than it was") from error
                await self._load_again()  # so far behind that things are cleaned up
            except UnavailableError:
                logger.exception("the log cannot be followed; trying again")
                await asyncio.sleep(RETRY_SECONDS)

    async def _load_again(self) -> None:
        while True:
            try:
                await self.load()
            except UnavailableError:
                logger.exception("the log cannot be read anew; trying again")
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def moved(self) -> None:
        """Wait for the next change of anything here.  Raises what ended the log, once it did."""
        if self.ended is None:
            await self._moved.wait()
        if self.ended is not None:
            raise self.ended

    async def check_epoch(self) -> None:
        """StateLostError unless the key-value store is still of the epoch that is followed."""
        entry = await self._kv.get(self.guard.key)
        if entry is None or entry.mod_revision != self.guard.mod_revision:
            raise StateLostError("is of another epoch")

    async def reached(self, sequence: WalSequence) -> None:
        """Wait until a batch is known here, and so is seen by every read."""
        while self.last < sequence:
            await self.moved()

    async def follow(self, after: WalSequence) -> AsyncGenerator[Batch, None]:
        while True:
            ahead = after > self.last and same_epoch(after, self.last)  # others told us first
            if after not in self.headers and not ahead:
                raise _gone(after)
            following = self._following.get(after)
            if following is None:
                await self.moved()
                continue
            header = self.headers[following]
            try:
                batch = self.overlay.batch(following) or await self._wals.read_data(header)
            except NotExistError as error:  # cleaned up meanwhile
                raise _gone(after) from error
            yield batch
            after = following

    async def _apply(self, changes: Changes) -> None:
        for change in changes.changes:
            if change.entry is None:
                self._remove(change.key)
            elif change.key == SNAPSHOT:
                status = await self._snapshots.status(_pointer_in(change.entry))
                self._use(status, change.entry)
                await self.overlay.drop(status.wal_sequence)
            elif change.key.startswith(WALS):
                header = _header_of(change.entry)
                if header.previous != self.last:
                    raise StateLostError("has another log")
                batch = self._own.pop(header.data_id, None)
                self.overlay.add(batch or await self._wals.read_data(header))
                self._add(header)
        self._revision = changes.revision
        self._tell()

    def _is_continued_by(self, headers: Sequence[WalHeader]) -> bool:
        """Say whether the same log has these headers, now or later."""
        if not self.headers:
            return True
        known = all(self.headers.get(each.sequence, each) == each for each in headers)
        return (
            known
            and headers[-1].sequence >= self.last
            and same_epoch(headers[-1].sequence, self.last)
        )

    def _add(self, header: WalHeader) -> None:
        self.headers[header.sequence] = header
        self._following[header.previous] = header.sequence

    def _remove(self, key: str) -> None:
        header = self.headers.pop(WalSequence(key.removeprefix(WALS)), None)
        if header is None or not self.headers:
            raise StateLostError("was deleted")
        del self._following[header.previous]

    def _use(self, status: DataStatus, pointer: Entry) -> None:
        self.snapshot = status
        self.snapshot_revision = pointer.mod_revision

    def _tell(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


def _header_of(entry: Entry) -> WalHeader:
    return msgspec.json.decode(entry.value, type=WalHeader)


def _pointer_in(entry: Entry) -> WalSequence:
    return WalSequence(entry.value.decode())


def _gone(after: WalSequence) -> OutOfRangeError:
    message = f"the log does not reach back to {after}"
    return OutOfRangeError(message, reason="WAL_SEQUENCE_GONE", sequence=after)
