"""How much the datamanager keeps, and when it tidies up."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is kept, and for how long."""

    checkpoint_wals: int = 100
    """So many batches in no snapshot make a checkpoint,"""
    checkpoint_bytes: int = 32 * 1024 * 1024
    """so many bytes in them do,"""
    checkpoint_age: timedelta = timedelta(minutes=10)
    """and so does a single batch that is in no snapshot for so long."""
    retry: timedelta = timedelta(seconds=5)
    """So long after a checkpoint failed comes the next one; then twice as long, up to 5 minutes."""
    keep_wals: int = 100
    """So many batches stay in the log although they are in a snapshot, for those who follow."""
    keep_snapshots: int = 3
    max_file_bytes: int = 10 * 1024 * 1024
    """No data file is larger, unless it holds one object only."""
