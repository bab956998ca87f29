"""The read database: a cache that answers queries."""
