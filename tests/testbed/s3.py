"""A real S3 for tests: `pytest_plugins = ["tests.testbed.s3"]`."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from msgspec import structs

from agola.config.model import S3Objects
from tests.testbed.s3_process import s3_serving


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Objects]:
    """Say how to reach an S3 that all tests share: each keeps to a prefix of its own."""
    with s3_serving() as server:
        yield server


@pytest.fixture
def s3_objects(s3_server: S3Objects) -> S3Objects:
    """A place in S3 that no other test uses."""
    return structs.replace(s3_server, prefix=f"{uuid4()}/")
