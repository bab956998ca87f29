"""Group commit: whatever waits while one batch is written goes into the next one, together.

A commit is durable with two writes: the data of the batch in object storage, then one transaction
of the key-value store.  The marker object follows in the background.  Should the key-value store
be lost before it is there, the data alone is enough: see `agola.datamanager.recovery`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from agola.core.errors import (
    AgolaError,
    BadRequestError,
    ConcurrencyError,
)
from agola.core.ids import Ids
from agola.datamanager import sequence
from agola.datamanager.errors import StateLostError, closed
from agola.datamanager.layout import GROUPS, HEAD, WALS, WalHeader, sequence_in
from agola.datamanager.log import Log
from agola.datamanager.port import Action, Groups, WalSequence
from agola.datamanager.waiting import MAX_GROUPS, Request, Waiting, fail, succeed
from agola.datamanager.wal import WalObjects
from agola.storage.kv.port import Compare, KeyValue, Operation, Put, Revision


@dataclass(frozen=True, slots=True)
class _Head:
    """The data of the last batch, and the revision that says whether it still is the last."""

    data_id: str
    revision: Revision

    @property
    def sequence(self) -> WalSequence:
        return sequence_in(self.data_id)


class Committer:
    """Writes the batches of one process, one after the other."""

    def __init__(self, kv: KeyValue, wals: WalObjects, log: Log, ids: Ids) -> None:
        self._kv = kv
        self._wals = wals
        self._log = log
        self._ids = ids
        self._waiting = Waiting()
        self._head: _Head | None = None
        self._ended: AgolaError | None = None
        self._contested = True
        """Whether others may have left data in the place of our next batch, dead ones for one."""
        self.own: set[WalSequence] = set()
        """What this process committed and nobody has marked yet."""

    async def groups(self, names: Sequence[str]) -> Groups:
        versions = await self._versions(names)
        head = await self._read_head()  # after the groups: so it is behind all that moved them
        await self._log.reached(head.sequence)
        return Groups(versions, head.sequence)

    async def commit(self, actions: Sequence[Action], groups: Groups | None) -> WalSequence:
        versions = {} if groups is None else groups.versions
        if len(versions) > MAX_GROUPS:
            message = f"{len(versions)} change groups are more than {MAX_GROUPS}"
            raise BadRequestError(
                message,
                reason="TOO_MANY_CHANGE_GROUPS",
                count=str(len(versions)),
                limit=str(MAX_GROUPS),
            )
        if self._ended is not None:
            raise self._ended
        done: asyncio.Future[WalSequence] = asyncio.get_running_loop().create_future()
        self._waiting.add(Request(tuple(actions), dict(versions), done))
        committed = await done
        await self._log.reached(committed)
        return committed

    async def run(self) -> None:
        """Commit what waits, until this is ended.  StateLostError."""
        try:
            while True:
                await self._commit_or_fail(await self._waiting.take())
        finally:  # those who use the store may take a while to notice that it is being closed
            self.end(self._log.ended or closed())

    def end(self, error: AgolaError) -> None:
        """Let *error* be what all hear that wait, and that come later."""
        self._ended = self._ended or error
        self._waiting.fail(self._ended)

    async def _commit_or_fail(self, requests: list[Request]) -> None:
        try:
            await self._commit(requests)
        except AgolaError as error:
            self._head = None  # how it ended is not known: read the head again
            self._contested = True
            fail(requests, error)
            if isinstance(error, StateLostError):
                self.end(error)
                raise

    async def _commit(self, requests: list[Request]) -> None:
        while requests:
            head = self._head
            if head is None or head.sequence < self._log.last:
                head = await self._read_head()
            committed = await self._try(requests, head)
            if committed is not None:
                succeed(requests, committed)
                return
            self._head = None
            requests = [request for request in requests if await self._holds(request)]

    async def _try(self, requests: list[Request], head: _Head) -> WalSequence | None:
        """Commit behind *head*.  None: it is not the last batch, or a change group moved."""
        number = sequence.following(head.sequence)
        data_id = f"{number}-{self._ids.uuid()}"
        header = WalHeader(
            sequence=number,
            previous=head.sequence,
            data_id=data_id,
            previous_data_id=head.data_id,
        )
        actions = tuple(action for request in requests for action in request.actions)
        await self._wals.write_data(header, actions)
        self._log.expect(header, actions)
        try:
            compares = [self._log.guard, *_compares(requests, head)]
            outcome = await self._kv.txn(compares, _puts(requests, header))
        except BaseException:
            self._log.forget(header)
            raise
        if not outcome.succeeded:
            self._log.forget(header)
            await self._wals.delete_data(header)
            return None
        self._head = _Head(data_id, outcome.revision)
        self.own.add(number)
        if self._contested:  # nobody may be told before ours is the only data in this place
            await self._wals.delete_rivals(header)
            self._contested = False
        return number

    async def _versions(self, names: Sequence[str]) -> dict[str, int]:
        entries = await asyncio.gather(*(self._kv.get(GROUPS + name) for name in names))
        versions = [0 if entry is None else int(entry.mod_revision) for entry in entries]
        return dict(zip(names, versions, strict=True))

    async def _read_head(self) -> _Head:
        """Read which batch is the last.  StateLostError unless it is one of our epoch."""
        last = self._log.last  # before: while we wait, the log may hear of later batches
        entry = await self._kv.get(HEAD)
        if entry is None:
            raise StateLostError("is gone")
        head = _Head(entry.value.decode(), entry.mod_revision)
        if head.sequence < last or not sequence.same_epoch(head.sequence, last):
            raise StateLostError("is of another time")
        return head

    async def _holds(self, request: Request) -> bool:
        """Say whether the change groups of a request are as they were read; if not, fail it."""
        present = await self._versions(list(request.versions))
        for name, version in request.versions.items():
            if present[name] != version:
                message = f"change group {name!r} was changed by somebody else"
                error = ConcurrencyError(message, reason="CHANGE_GROUP_CHANGED", changeGroup=name)
                fail([request], error)
                return False
        return True


def _compares(requests: Sequence[Request], head: _Head) -> list[Compare]:
    groups = [
        Compare(GROUPS + name, Revision(version))
        for request in requests
        for name, version in request.versions.items()
    ]
    return [Compare(HEAD, head.revision), *groups]


def _puts(requests: Sequence[Request], header: WalHeader) -> list[Operation]:
    moved = header.sequence.encode()
    groups = [Put(GROUPS + name, moved) for request in requests for name in request.versions]
    wal = Put(WALS + header.sequence, msgspec.json.encode(header))
    return [Put(HEAD, header.data_id.encode()), wal, *groups]
