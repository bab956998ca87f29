"""From the configuration to an open read database."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agola.config.model import Config, PostgresDatabase
from agola.storage.sql.port import Database
from agola.storage.sql.sqlite import opening_sqlite


@asynccontextmanager
async def opening(
    config: Config, component: str, definition: str
) -> AsyncGenerator[Database, None]:
    """Open the read database of *component*: the one whose tables were made by *definition*.

    There is none before the first `Database.fresh`, nor with another definition.
    """
    if isinstance(config.database, PostgresDatabase):
        # importing psycopg takes 150 ms, which a start without it need not pay
        from agola.storage.sql.postgres import opening_postgres  # noqa: PLC0415

        settings = config.database
        async with opening_postgres(
            settings.dsn, component, definition, pool_size=settings.pool_size
        ) as database:
            yield database
    else:
        async with opening_sqlite(config.data_dir / component / "read.db", definition) as database:
            yield database
