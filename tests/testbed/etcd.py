"""A real etcd for tests: `pytest_plugins = ["tests.testbed.etcd"]`."""

from collections.abc import Generator

import pytest

from tests.testbed.etcd_process import EtcdServer, etcd_cluster


@pytest.fixture(scope="session")
def etcd_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[EtcdServer, None, None]:
    """An etcd that all tests share: each keeps to a prefix of its own."""
    with etcd_cluster(tmp_path_factory.mktemp("etcd"), 1) as (server,):
        yield server
