"""From the SQL of the port to what an engine reads."""

import hashlib
import re
from functools import lru_cache

_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*"
_STATEMENT = re.compile(rf"(?:{_QUOTED}|[^;])+")
_MARK = re.compile(rf"({_QUOTED})|\?")
_INDEX = re.compile(r"CREATE\s+INDEX\b", re.IGNORECASE)
_TEXT = re.compile(rf"({_QUOTED})|\bTEXT\b", re.IGNORECASE)


def statements(script: str) -> list[str]:
    """Split *script* at the `;` that are not quoted."""
    found = (statement.strip() for statement in _STATEMENT.findall(script))
    return [statement for statement in found if statement]


def tables_and_indexes(definition: str) -> tuple[list[str], list[str]]:
    """Split a definition into what is needed to fill tables, and what is made faster afterwards."""
    every = statements(definition)
    indexes = [statement for statement in every if _INDEX.match(statement)]
    return [statement for statement in every if statement not in indexes], indexes


def fingerprint(script: str) -> bytes:
    """Tell one definition of tables from another.  32 bytes."""
    return hashlib.sha256(script.encode()).digest()


@lru_cache(maxsize=1024)
def for_psycopg(sql: str) -> str:
    """Spell parameters as psycopg wants them: `%s`, and every other `%` doubled."""
    return _MARK.sub(lambda mark: mark[1] or "%s", sql.replace("%", "%%"))


def sorted_by_code_point(definition: str) -> str:
    """Give every TEXT column of a table definition the collation that SQLite has anyway."""
    return _TEXT.sub(lambda word: word[1] or 'TEXT COLLATE "C"', definition)
