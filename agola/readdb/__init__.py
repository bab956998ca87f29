"""Read databases: copies of a datamanager's objects in tables, to answer questions with.

A read database is a cache.  Whatever happens to it, whoever deletes it, whenever: it is built anew
by itself, and gives no wrong answer meanwhile.
"""

from agola.readdb.database import ReadDatabase, following
from agola.readdb.tables import Kind, Tables

__all__ = ["Kind", "ReadDatabase", "Tables", "following"]
