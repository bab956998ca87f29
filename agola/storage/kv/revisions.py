"""The two ways in which a revision can be out of reach."""

from agola.core.errors import OutOfRangeError


def compacted(revision: int, oldest: int) -> OutOfRangeError:
    """Make the error for a revision whose history is gone; *oldest* is still there."""
    return OutOfRangeError(
        f"revision {revision} is compacted, the oldest is {oldest}",
        reason="REVISION_COMPACTED",
        revision=str(revision),
        oldest=str(oldest),
    )


def regressed(revision: int, newest: int) -> OutOfRangeError:
    """Make the error for a revision that the store has not reached: it was younger before."""
    return OutOfRangeError(
        f"revision {revision} lies in the future, the newest is {newest}",
        reason="REVISION_REGRESSED",
        revision=str(revision),
        newest=str(newest),
    )
