"""The key-value port: what every driver of live state promises.

One ordered map from text keys to bytes, with a *revision* that grows by one with every transaction
that writes.  The semantics are those of etcd's v3 API, of which this is the part we use.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import NewType, Protocol, TypeAlias

Revision = NewType("Revision", int)
"""A point in the history of the whole store.  0 is "before everything"."""

LeaseID = NewType("LeaseID", int)

MAX_TXN_OPERATIONS = 128
"""How many operations one transaction may hold in each of its branches, and how many compares."""

MAX_TXN_BYTES = 1_400_000
"""How many bytes of keys and values one transaction may hold, both branches together."""

MAX_VALUE_BYTES = 1_000_000
"""The largest value that every driver takes (etcd refuses requests above 1.5 MiB)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key, its value, and when it came to be."""

    key: str
    value: bytes
    create_revision: Revision
    mod_revision: Revision
    version: int
    """How often the key was written since it was created: 1 at first."""
    lease: LeaseID | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Entries in the order of their keys, all as of `revision`."""

    entries: tuple[Entry, ...]
    revision: Revision
    more: bool = False
    """There are entries behind the last one, left out because of the limit."""


@dataclass(frozen=True, slots=True)
class Compare:
    """The key was last written at exactly this revision; 0 says that it does not exist."""

    key: str
    mod_revision: Revision


@dataclass(frozen=True, slots=True)
class Put:
    """Write a key.  With a lease, the key goes when the lease does."""

    key: str
    value: bytes
    lease: LeaseID | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a key, or with `prefix` every key that starts with it.

    Absent keys are no error; a transaction that finds nothing to delete is none that writes.
    """

    key: str
    prefix: bool = False


Operation: TypeAlias = Put | Delete


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transaction did.  `revision` is the store's after it."""

    succeeded: bool
    revision: Revision


@dataclass(frozen=True, slots=True)
class Change:
    """A key was put (`entry`), or deleted (`entry` is None)."""

    key: str
    entry: Entry | None
    previous: Entry | None = None
    """What was there before, where the watch asked for it and the driver still knows."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that one transaction changed below the watched prefix, never split.

    With no changes it is a sign of progress, which may come at any time: everything up to
    `revision` has been told.
    """

    revision: Revision
    changes: tuple[Change, ...]


class Lease(Protocol):
    """A promise to be alive.  Kept alive in the background while its block runs."""

    @property
    def id(self) -> LeaseID: ...

    async def lost(self) -> None:
        """Wait until the lease is gone although its block still runs: expired, or revoked."""


class Lock(Lease, Protocol):
    """A lock that is held, and the lease that holds it."""

    @property
    def held(self) -> Compare:
        """Holds as long as the lock does: a compare for transactions that must not overlap."""


def lock_key(name: str) -> str:
    """Say the key that exists while somebody holds the lock *name*."""
    return f"locks/{name}"


class KeyValue(Protocol):
    """The live state of an installation.

    Every method raises UnavailableError (`KV_UNAVAILABLE`) when the store does not answer in time
    and InternalError (`KV_FAILED`) when it answers with an error that nobody foresaw.
    """

    async def get(self, key: str) -> Entry | None:
        """Read one key, linearizably."""

    async def range(
        self, prefix: str, *, after: str = "", limit: int = 0, revision: Revision | None = None
    ) -> Page:
        """Read the keys that start with *prefix* and sort behind *after*, at most *limit* (0: all).

        With *revision*, as they were then: OutOfRangeError when that is no longer known
        (`REVISION_COMPACTED`) or has not come yet (`REVISION_REGRESSED`).
        """

    async def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
    ) -> Outcome:
        """If all *compares* hold do *success*, else *failure*; as one, durable when it returns.

        BadRequestError: `KV_TXN_TOO_LARGE`, `KV_VALUE_TOO_LARGE`, `KV_DUPLICATE_KEY` (one key twice
        in a branch).  A branch without operations leaves the revision as it is.
        NotExistError: `LEASE_DOES_NOT_EXIST`.
        After an UnavailableError it may have been done or not: whoever needs to know reads.
        """

    def watch(
        self, prefix: str, *, after: Revision, previous: bool = False
    ) -> AsyncGenerator[Changes, None]:
        """Tell everything that happens below *prefix* after a revision, in order, without a gap.

        Goes on through disconnects.  OutOfRangeError: `REVISION_COMPACTED` when the history behind
        *after* is gone, `REVISION_REGRESSED` when the store is younger than *after* (it was
        restored from a backup): in both cases range again, then watch from there.
        """

    def lease(self, ttl: timedelta) -> AbstractAsyncContextManager[Lease]:
        """Hold a lease while the block runs; revoke it afterwards.

        A process that dies takes at most *ttl* to be noticed.
        """

    def lock(self, name: str, *, ttl: timedelta) -> AbstractAsyncContextManager[Lock]:
        """Wait for the lock *name*, hold it while the block runs.

        What is given says when the lock is lost; writers that must not overlap put its `held` among
        the compares of their transactions as well.
        """

    async def compact(self, revision: Revision) -> None:
        """Forget the history before *revision*.  Idempotent.

        Drivers forget by themselves what is much older than anybody reads.
        """
