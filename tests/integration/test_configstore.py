"""agola.services.configstore as two processes: etcd and PostgreSQL shared, objects too."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from agola.clients.configstore import UserClient
from agola.config.model import (
    Config,
    DatabaseDriver,
    EtcdKeyValue,
    Internal,
    PosixObjects,
    PostgresDatabase,
    SqliteDatabase,
)
from agola.core.errors import AlreadyExistsError, UnauthorizedError
from agola.rpc.channel import dial
from agola.services.configstore import service
from tests.testbed.encryption import shared_keys
from tests.testbed.etcd_process import EtcdServer

pytest_plugins = ["tests.testbed.etcd", "tests.testbed.postgres"]

TOKEN = "the-internal-token"


@pytest.fixture(params=["postgres", "sqlite"])
async def database(request: pytest.FixtureRequest) -> DatabaseDriver:
    """A read database that both share, or one for each."""
    if request.param == "sqlite":
        return SqliteDatabase()
    server: str = request.getfixturevalue("postgres_server")
    name = f"agola-{uuid4()}"
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return PostgresDatabase(dsn=server.replace("dbname=postgres", f"dbname={name}"))


@asynccontextmanager
async def two_configstores(
    tmp_path: Path, etcd: EtcdServer, database: DatabaseDriver
) -> AsyncGenerator[tuple[UserClient, UserClient], None]:
    prefix = f"{uuid4()}/"

    def config(name: str) -> Config:
        address = f"unix:{tmp_path}/{name}.sock"
        return Config(
            data_dir=tmp_path / name,
            internal_token=TOKEN,
            admin_token="first",
            key_value=EtcdKeyValue(endpoints=(etcd.endpoint,), prefix=prefix),
            objects=PosixObjects(path=tmp_path / "objects"),
            database=database,
            encryption=shared_keys(tmp_path),
            configstore=Internal(listen=address, target=address),
        )

    one, other = config("one"), config("other")
    async with (
        service.serving(one, announce=print),
        service.serving(other, announce=print),
        dial(one.configstore.target, token=TOKEN) as to_one,
        dial(other.configstore.target, token=TOKEN) as to_other,
    ):
        yield UserClient(to_one), UserClient(to_other)


async def test_of_many_who_create_one_name_at_two_places_exactly_one_wins(
    tmp_path: Path, etcd_server: EtcdServer, database: DatabaseDriver
) -> None:
    async with two_configstores(tmp_path, etcd_server, database) as both:
        results = await asyncio.gather(
            *(both[n % 2].create_user("alice") for n in range(10)), return_exceptions=True
        )
        errors = [each for each in results if isinstance(each, BaseException)]
        assert [type(error) for error in errors] == [AlreadyExistsError] * 9


async def test_what_one_writes_the_other_one_learns_without_being_asked(
    tmp_path: Path, etcd_server: EtcdServer, database: DatabaseDriver
) -> None:
    async with two_configstores(tmp_path, etcd_server, database) as (one, other):
        issued = await one.create_user_token("admin", "laptop")
        while True:
            try:
                identity = await other.authenticate_token(issued.value)
            except UnauthorizedError:
                continue
            break
        assert identity.token.id == issued.token.id
        names = {f"user{n}" for n in range(20)}
        await asyncio.gather(*((one, other)[len(name) % 2].create_user(name) for name in names))
        for each in (one, other):
            while {user.name for user in (await each.list_users()).items} != names | {"admin"}:
                pass
