"""The read database: a cache that answers queries."""

from agola.storage.sql.opening import opening
from agola.storage.sql.retry import transact

__all__ = ["opening", "transact"]
