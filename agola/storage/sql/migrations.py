"""How the tables of a component came to be: a list of scripts that only ever grows at its end."""

import re
from collections.abc import Sequence

from agola.core.errors import PreconditionError
from agola.storage.sql.dialect import sorted_by_code_point, statements
from agola.storage.sql.port import Database, Transaction
from agola.storage.sql.retry import transact

_DEFINITION = re.compile(r"(CREATE|ALTER)\s+TABLE\b", re.IGNORECASE)


async def migrate(database: Database, scripts: Sequence[str], *, collate: bool = False) -> None:
    """Run those of *scripts* that the database has not seen, all of them or none.

    The n-th script makes version n.  PreconditionError (`DATABASE_TOO_NEW`) when the database has
    a version that this program does not know.  *collate*: TEXT does not sort by itself.
    """

    async def work(tx: Transaction) -> None:
        await tx.execute("CREATE TABLE IF NOT EXISTS migration (version BIGINT PRIMARY KEY)")
        [(version,)] = await tx.fetch("SELECT COALESCE(MAX(version), 0) FROM migration")
        if version > len(scripts):
            raise _too_new(version, len(scripts))
        for number, script in enumerate(scripts[version:], version + 1):
            for statement in statements(script):
                await tx.execute(_collated(statement) if collate else statement)
            await tx.execute("INSERT INTO migration (version) VALUES (?)", (number,))

    await transact(database, work)


def _collated(statement: str) -> str:
    return sorted_by_code_point(statement) if _DEFINITION.search(statement) else statement


def _too_new(version: int, known: int) -> PreconditionError:
    return PreconditionError(
        f"the database has version {version}, this program knows versions up to {known}: "
        "run a newer agola, or let this one build a new read database",
        reason="DATABASE_TOO_NEW",
        version=str(version),
        known=str(known),
    )
