"""The tables of the read database, and how objects lie in them.

Each row holds the object whole, and apart from it only what is searched for.
"""

from functools import partial
from typing import TypeVar

import msgspec

from agola.datamanager.port import Action
from agola.model.project_group import ProjectGroup
from agola.model.user import User, UserToken
from agola.readdb import Kind, Tables
from agola.readdb.tables import Rows
from agola.services.configstore.ports import Noun
from agola.storage.sql.port import Row, Value

_DEFINITION = """
CREATE TABLE IF NOT EXISTS account (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, request_id TEXT, data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS account_name ON account (name);
CREATE INDEX IF NOT EXISTS account_request_id ON account (request_id);

CREATE TABLE IF NOT EXISTS user_token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    request_id TEXT, data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS user_token_name ON user_token (user_id, name);
CREATE INDEX IF NOT EXISTS user_token_digest ON user_token (digest);
CREATE INDEX IF NOT EXISTS user_token_request_id ON user_token (request_id);

CREATE TABLE IF NOT EXISTS project_group (
    id TEXT PRIMARY KEY, owner_id TEXT NOT NULL, parent_id TEXT NOT NULL, name TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS project_group_parent ON project_group (owner_id, parent_id, name);
"""

_TABLES: dict[type[Noun], tuple[str, tuple[str, ...]]] = {
    User: ("account", ("id", "name", "request_id", "data")),
    UserToken: ("user_token", ("id", "user_id", "name", "digest", "request_id", "data")),
    ProjectGroup: ("project_group", ("id", "owner_id", "parent_id", "name", "data")),
}
TYPES: dict[str, type[Noun]] = {"user": User, "usertoken": UserToken, "projectgroup": ProjectGroup}
"""The data types of the datamanager."""

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


def _kind(data_type: str, noun: type[Noun]) -> Kind:
    table, columns = _TABLES[noun]
    return Kind(data_type, {table: columns}, partial(_rows, noun))


def _rows(kind: type[Noun], data: bytes) -> Rows:
    table, columns = _TABLES[kind]
    noun = msgspec.json.decode(data, type=kind)
    return {table: [tuple(_value(noun, column, data) for column in columns)]}


def _value(noun: Noun, column: str, data: bytes) -> Value:
    match column:
        case "data":
            return data.decode()
        case "request_id":
            return getattr(noun, column) or None
        case "owner_id" if isinstance(noun, ProjectGroup):
            return noun.owner.id
        case _:
            return getattr(noun, column) or ""


TABLES = Tables(_DEFINITION, [_kind(data_type, noun) for data_type, noun in TYPES.items()])
