"""The key-value store: live state."""

from contextlib import AbstractAsyncContextManager

from agola.config.model import Config, EmbeddedKeyValue
from agola.storage.kv import embedded, etcd
from agola.storage.kv.port import KeyValue


def opening(config: Config, component: str) -> AbstractAsyncContextManager[KeyValue]:
    """Open the store of *component*, which shares no key with those of others.

    PreconditionError: `KV_IN_USE` when another process has the embedded store open.
    """
    if isinstance(config.key_value, EmbeddedKeyValue):
        return embedded.opening(config.data_dir / component / "kv.db")
    return etcd.opening(config.key_value, component)
