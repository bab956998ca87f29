"""Fixtures of the executor's tests."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.unit.services.executor.workplace import Workplace, working


@pytest.fixture
async def workplace(tmp_path: Path) -> AsyncGenerator[Workplace, None]:
    async with working(tmp_path) as place:
        yield place
