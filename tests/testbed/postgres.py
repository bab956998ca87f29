"""A real PostgreSQL for tests: `pytest_plugins = ["tests.testbed.postgres"]`."""

from collections.abc import Iterator

import pytest

from tests.testbed.postgres_process import PostgresServer, serving_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Give the DSN of a server that sorts text by language, as most do."""
    with serving_postgres() as server:
        yield server.dsn


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """Give a server that a test may stop and start."""
    with serving_postgres() as server:
        yield server
