"""From the configuration to an open read database."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from agola.config.model import Config, PostgresDatabase
from agola.storage.sql.port import Database
from agola.storage.sql.sqlite import opening_sqlite


@asynccontextmanager
async def opening(
    config: Config, component: str, migrations: Sequence[str]
) -> AsyncGenerator[Database, None]:
    """Open the read database of *component*, its tables made by *migrations* up to the last one."""
    if isinstance(config.database, PostgresDatabase):
        # importing psycopg takes 150 ms, which a start without it need not pay
        from agola.storage.sql.postgres import opening_postgres  # noqa: PLC0415

        settings = config.database
        async with opening_postgres(
            settings.dsn, component, migrations, pool_size=settings.pool_size
        ) as database:
            yield database
    else:
        async with opening_sqlite(config.data_dir / component / "read.db", migrations) as database:
            yield database
