"""The numbers of batches and snapshots: an epoch and a counter, as text that sorts.

An epoch is the life of one key-value store.  It is the second in which that life began, and always
later than the epoch before, so that whatever is numbered sorts behind everything before it.
"""

from agola.datamanager.port import WalSequence


def first(epoch: int) -> WalSequence:
    """Make the first sequence of an epoch."""
    return _format(epoch, 1)


def following(sequence: WalSequence) -> WalSequence:
    """Make the sequence right behind *sequence*."""
    epoch, number = sequence.split("-")
    return _format(int(epoch), int(number) + 1)


def is_first(sequence: WalSequence) -> bool:
    """Say whether it is the first of its epoch, with which nothing is changed."""
    return int(sequence.split("-")[1]) == 1


def epoch_of(sequence: WalSequence) -> int:
    return int(sequence.split("-")[0])


def same_epoch(one: WalSequence, other: WalSequence) -> bool:
    """Say whether two sequences, each perhaps empty, are of one epoch."""
    return one.split("-")[0] == other.split("-")[0]


def _format(epoch: int, number: int) -> WalSequence:
    return WalSequence(f"{epoch:013d}-{number:013d}")
