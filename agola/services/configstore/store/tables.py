"""The tables of the read database, and what a change of an object is in them.

Each row holds the object whole, and apart from it only what is searched for.
"""

from typing import TypeVar

import msgspec

from agola.datamanager.port import Action
from agola.model.project_group import ProjectGroup
from agola.model.user import User, UserToken
from agola.services.configstore.ports import Noun
from agola.storage.sql.port import Row, Transaction, Value

MIGRATIONS = (
    """
    CREATE TABLE progress (id BIGINT PRIMARY KEY, wal_sequence TEXT NOT NULL);

    CREATE TABLE account (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, request_id TEXT NOT NULL, data TEXT NOT NULL
    );
    CREATE INDEX account_name ON account (name);
    CREATE INDEX account_request_id ON account (request_id);

    CREATE TABLE user_token (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
        request_id TEXT NOT NULL, data TEXT NOT NULL
    );
    CREATE INDEX user_token_name ON user_token (user_id, name);
    CREATE INDEX user_token_digest ON user_token (digest);

    CREATE TABLE project_group (
        id TEXT PRIMARY KEY, owner_id TEXT NOT NULL, parent_id TEXT NOT NULL, name TEXT NOT NULL,
        data TEXT NOT NULL
    );
    CREATE INDEX project_group_parent ON project_group (owner_id, parent_id, name);
    """,
)

TYPES: dict[str, type[Noun]] = {"user": User, "usertoken": UserToken, "projectgroup": ProjectGroup}
"""The data types of the datamanager."""

_TABLES: dict[type[Noun], tuple[str, tuple[str, ...]]] = {
    User: ("account", ("id", "name", "request_id", "data")),
    UserToken: ("user_token", ("id", "user_id", "name", "digest", "request_id", "data")),
    ProjectGroup: ("project_group", ("id", "owner_id", "parent_id", "name", "data")),
}
_DATA_TYPES = {noun: data_type for data_type, noun in TYPES.items()}

T = TypeVar("T", User, UserToken, ProjectGroup)


def putting(noun: Noun) -> Action:
    """Say the action that stores an object."""
    return Action(_DATA_TYPES[type(noun)], noun.id, msgspec.json.encode(noun))


def deleting(noun: Noun) -> Action:
    """Say the action that removes an object."""
    return Action(_DATA_TYPES[type(noun)], noun.id, None)


def only(rows: list[Row], kind: type[T]) -> T | None:
    """Read the object in the first column of the only row, if there is one."""
    return msgspec.json.decode(rows[0][0], type=kind) if rows else None


async def apply(tx: Transaction, action: Action) -> None:
    """Do to the tables what was done to an object.  Types that have no table are passed over."""
    kind = TYPES.get(action.data_type)
    if kind is None:
        return
    table, columns = _TABLES[kind]
    if action.data is None:
        await tx.execute(f"DELETE FROM {table} WHERE id = ?", (action.id,))  # noqa: S608 (ours)
        return
    noun = msgspec.json.decode(action.data, type=kind)
    values = [_value(noun, column, action.data) for column in columns]
    await tx.execute(_upsert(table, columns), values)


async def clear(tx: Transaction) -> None:
    """Forget everything."""
    for table, _ in _TABLES.values():
        await tx.execute(f"DELETE FROM {table}")  # noqa: S608 (ours)


def _upsert(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" for _ in columns)
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 (ours)
        f" ON CONFLICT (id) DO UPDATE SET {changes}"
    )


def _value(noun: Noun, column: str, data: bytes) -> Value:
    match column:
        case "data":
            return data.decode()
        case "owner_id" if isinstance(noun, ProjectGroup):
            return noun.owner.id
        case _:
            return getattr(noun, column) or ""
