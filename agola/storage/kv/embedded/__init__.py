"""The embedded driver: one SQLite file, owned by one process."""

from agola.storage.kv.embedded.store import opening

__all__ = ["opening"]
