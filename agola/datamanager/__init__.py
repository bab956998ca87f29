"""Typed objects, changed in atomic batches: a write-ahead log and snapshots over storage."""

from agola.datamanager.replacing import replacing
from agola.datamanager.store import opening

__all__ = ["opening", "replacing"]
