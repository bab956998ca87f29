"""The configstore's Store."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import msgspec

from agola.datamanager.port import Action, DataManager
from agola.model.project_group import ProjectGroup
from agola.model.user import Identity, User, UserID, UserToken, UserTokenID
from agola.readdb import ReadDatabase
from agola.services.configstore.ports import Noun
from agola.services.configstore.store.tables import deleting, only, putting
from agola.storage.sql.port import Row, Value


class _Actions:
    def __init__(self) -> None:
        self.actions: list[Action] = []

    def put(self, noun: Noun) -> None:
        self.actions.append(putting(noun))

    def delete(self, noun: Noun) -> None:
        self.actions.append(deleting(noun))


class DataManagerStore:
    """Writes go to the datamanager; questions to the read database, once it has applied them."""

    def __init__(self, datamanager: DataManager, copy: ReadDatabase) -> None:
        self._datamanager = datamanager
        self._copy = copy

    @asynccontextmanager
    async def deciding(self, *names: str) -> AsyncGenerator[_Actions, None]:
        groups = await self._datamanager.groups(names)
        await self._copy.reached(groups.position)
        decision = _Actions()
        yield decision
        if decision.actions:
            committed = await self._datamanager.commit(decision.actions, groups=groups)
            await self._copy.reached(committed)

    async def user(self, user_id: UserID) -> User | None:
        return only(await self._rows("SELECT data FROM account WHERE id = ?", user_id), User)

    async def user_named(self, name: str) -> User | None:
        return only(await self._rows("SELECT data FROM account WHERE name = ?", name), User)

    async def user_requested(self, request_id: str) -> User | None:
        sql = "SELECT data FROM account WHERE request_id = ?"
        return only(await self._rows(sql, request_id), User)

    async def users(self, *, after: str, limit: int, descending: bool) -> Sequence[User]:
        bound, order = ("<", "DESC") if descending else (">", "ASC")
        where = f" WHERE name {bound} ?" if after else ""
        sql = f"SELECT data FROM account{where} ORDER BY name {order} LIMIT {limit}"  # noqa: S608 (ours)
        rows = await self._rows(sql, *([after] if after else []))
        return [msgspec.json.decode(row[0], type=User) for row in rows]

    async def token(self, token_id: UserTokenID) -> UserToken | None:
        sql = "SELECT data FROM user_token WHERE id = ?"
        return only(await self._rows(sql, token_id), UserToken)

    async def token_named(self, user_id: UserID, name: str) -> UserToken | None:
        sql = "SELECT data FROM user_token WHERE user_id = ? AND name = ?"
        return only(await self._rows(sql, user_id, name), UserToken)

    async def token_requested(self, user_id: UserID, request_id: str) -> UserToken | None:
        sql = "SELECT data FROM user_token WHERE user_id = ? AND request_id = ?"
        return only(await self._rows(sql, user_id, request_id), UserToken)

    async def tokens(self, user_id: UserID, *, after: str, limit: int) -> Sequence[UserToken]:
        sql = "SELECT data FROM user_token WHERE user_id = ? AND name > ? ORDER BY name"
        rows = await self._rows(f"{sql} LIMIT {limit}" if limit else sql, user_id, after)
        return [msgspec.json.decode(row[0], type=UserToken) for row in rows]

    async def identity(self, digest: str) -> Identity | None:
        sql = (
            "SELECT account.data, user_token.data FROM user_token"
            " JOIN account ON account.id = user_token.user_id WHERE user_token.digest = ?"
        )
        for user, token in await self._rows(sql, digest):
            return Identity(
                msgspec.json.decode(user, type=User), msgspec.json.decode(token, type=UserToken)
            )
        return None

    async def root_group(self, user_id: UserID) -> ProjectGroup | None:
        sql = "SELECT data FROM project_group WHERE owner_id = ? AND parent_id = ''"
        return only(await self._rows(sql, user_id), ProjectGroup)

    async def _rows(self, sql: str, *params: Value) -> list[Row]:
        async with self._copy.read() as tx:
            return await tx.fetch(sql, params)
