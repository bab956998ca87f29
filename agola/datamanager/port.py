"""What the datamanager promises to its users."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NewType, Protocol

WalSequence = NewType("WalSequence", str)
"""The place of a committed batch in the write-ahead log.  Sorts as text, across epochs too."""


@dataclass(frozen=True, slots=True)
class Action:
    """Put an object (`data`), or delete it (`data` is None).  An absent one may be deleted."""

    data_type: str
    id: str
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Actions that became true together."""

    sequence: WalSequence
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as it is stored."""

    data_type: str
    id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Groups:
    """The change groups of a decision: each name with the version it was read at (0: never)."""

    versions: dict[str, int]
    position: WalSequence
    """Everything that moved these groups is in this batch or before it.  Who decides on a copy of
    the objects must wait until the copy is as new."""


class View(Protocol):
    """All objects as of one moment.

    UnavailableError (`VIEW_LOST`) when it could not be kept, because the key-value store was away
    for too long or was lost.
    """

    @property
    def position(self) -> WalSequence:
        """The last batch that is in it."""

    def types(self) -> Sequence[str]:
        """Say the data types there may be objects of, sorted."""

    def scan(self, data_type: str, *, after: str = "") -> AsyncGenerator[StoredObject, None]:
        """Read the objects of a type in the order of their ids."""


class DataManager(Protocol):
    """Typed objects, changed in atomic batches that survive the loss of the key-value store.

    Every method, and the block in which it is open, ends with InternalError (`KV_STATE_LOST`) once
    the key-value store is no longer the one that this was opened on: it was lost, restored from a
    backup, or reset by an import.  Open it again: that recovers what was committed.
    """

    async def groups(self, names: Sequence[str]) -> Groups:
        """Read the present versions of change groups.  Read these *before* what one decides on.

        Later reads here see all that moved the groups so far, by whichever process.
        """

    async def commit(
        self, actions: Sequence[Action], *, groups: Groups | None = None
    ) -> WalSequence:
        """Make all *actions* true at once, durably.

        ConcurrencyError (`CHANGE_GROUP_CHANGED`) when somebody committed under one of *groups*
        since they were read: then nothing was changed.  Conflicts between unrelated batches are
        retried inside, never shown.
        """

    async def read(self, data_type: str, id: str) -> bytes:  # noqa: A002 (the field's name)
        """Read one object as of the last commit.  NotExistError (`OBJECT_DOES_NOT_EXIST`)."""

    def scan(self, data_type: str, *, after: str = "") -> AsyncGenerator[StoredObject, None]:
        """Read the objects of a type in the order of their ids, as of one moment."""

    def view(self) -> AbstractAsyncContextManager[View]:
        """Hold on to all that is committed now, for as long as the block takes."""

    async def position(self) -> WalSequence:
        """Say which batch was committed last."""

    def follow(self, after: WalSequence) -> AsyncGenerator[Batch, None]:
        """Tell every batch committed behind *after*, in order, without a gap, as it happens.

        OutOfRangeError (`WAL_SEQUENCE_GONE`) when the log no longer reaches back that far, or is of
        another epoch: scan again, then follow from the position taken before the scan.
        """


class Replacement(Protocol):
    """All objects anew, in the place of what is there."""

    async def put(self, stored: StoredObject) -> None:
        """Add an object: all of one type together, in the order of their ids.

        BadRequestError (`EXPORT_INVALID`) for what comes in another order, or twice.
        """

    async def commit(self) -> WalSequence:
        """Make what was put all there is, durably, as a new epoch.  Gives its first number.

        UnavailableError: perhaps it is done, and if so the next start completes it.
        """
