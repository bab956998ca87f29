"""An installation that the tests of this folder share; those that hurt it make their own."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.testbed.installation import Installation, installation


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Installation, None, None]:
    with installation(tmp_path_factory.mktemp("shared")) as one:
        yield one


@pytest.fixture
def own(tmp_path: Path) -> Generator[Installation, None, None]:
    with installation(tmp_path) as one:
        yield one
