"""Typed objects, changed in atomic batches: a write-ahead log and snapshots over storage."""
