"""What can be wrong with the storage itself.  Each needs a human being."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from agola.core.errors import InternalError, UnavailableError
from agola.datamanager.port import WalSequence


class NoDataStatusError(InternalError):
    """Object storage has batches but no snapshot status to apply them to."""

    def __init__(self, base: str) -> None:
        message = f"object storage has batches below {base!r} but no data status"
        super().__init__(message, reason="NO_DATA_STATUS", base=base)


class WalGapError(InternalError):
    """A committed batch is missing in object storage."""

    def __init__(self, sequence: WalSequence, *, previous: str, expected: str) -> None:
        message = (
            f"batch {sequence} follows {previous}, but the last one that is there is {expected}"
        )
        super().__init__(
            message, reason="WAL_GAP", sequence=sequence, previous=previous, expected=expected
        )


class WalAmbiguousError(InternalError):
    """Two batches claim one place in the log, and nothing says which of them was committed."""

    def __init__(self, sequence: WalSequence, data_ids: Sequence[str]) -> None:
        names = " and ".join(data_ids)
        message = (
            f"the key-value store was lost, and both {names} may be batch {sequence}: delete the"
            " one in wals/data/ that was not committed (its writer died while it lost a race)"
        )
        super().__init__(
            message, reason="WAL_AMBIGUOUS", sequence=sequence, dataIds=",".join(data_ids)
        )


class StateLostError(InternalError):
    """The key-value store is no longer the one that this process knows."""

    def __init__(self, why: str) -> None:
        message = f"the state in the key-value store {why}: opening it again recovers the data"
        super().__init__(message, reason="KV_STATE_LOST")


class DataDamagedError(InternalError):
    """An object of the datamanager is not what was written there.  Nothing builds upon it."""

    def __init__(self, path: str, why: str) -> None:
        message = f"{path} is damaged: {why}; restore this object from a backup"
        super().__init__(message, reason="DATA_DAMAGED", path=path, why=why)


def closed() -> UnavailableError:
    """Make the error of whoever comes when the store is closed, or still waits then."""
    return UnavailableError("the store is being closed", reason="CLOSING")


class MalformedError(Exception):
    """Bytes are not what was written.  `checking` says where they are."""


@contextmanager
def checking(path: str) -> Iterator[None]:
    """Say that the object at *path* is damaged, should it not decode: DataDamagedError."""
    try:
        yield
    except (MalformedError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataDamagedError(path, str(error)) from error
