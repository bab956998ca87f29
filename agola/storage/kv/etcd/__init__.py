"""The etcd driver: one cluster for any number of processes."""

from agola.storage.kv.etcd.store import opening

__all__ = ["opening"]
