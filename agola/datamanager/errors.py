"""What can be wrong with the storage itself.  Each needs a human being."""

from agola.core.errors import InternalError
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


class DataDamagedError(InternalError):
    """An object of the datamanager is not what was written there.  Nothing builds upon it."""

    def __init__(self, path: str, why: str) -> None:
        message = f"{path} is damaged: {why}; restore this object from a backup"
        super().__init__(message, reason="DATA_DAMAGED", path=path, why=why)
