"""Why a pool has no connection: psycopg says so to its log alone, once a second."""

import logging
from typing import Any, Self, TypeAlias

import psycopg

from agola.storage.sql.port import Row

Connection: TypeAlias = psycopg.AsyncConnection[Row]


class Attempts:
    """What came of the latest attempt of a pool to connect."""

    def __init__(self) -> None:
        """Let the log of the pools be: who needs a connection is told why there is none."""
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        self._failure: psycopg.Error | None = None

    def cause(self, error: psycopg.Error) -> psycopg.Error:
        """Give what is behind *error*, which says that there was no connection in time."""
        return self._failure or error

    def connections(self) -> type[Connection]:
        """Make the class of the connections whose attempts these are."""
        attempts = self

        class Noted(psycopg.AsyncConnection[Row]):
            @classmethod
            async def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
                try:
                    connection = await super().connect(conninfo, **kwargs)
                except psycopg.Error as error:
                    attempts._failure = error
                    raise
                attempts._failure = None
                return connection

        return Noted
