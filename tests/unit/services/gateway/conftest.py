"""A gateway for every test."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import pytest

from tests.unit.services.gateway.caller import Caller
from tests.unit.services.gateway.house import House


@pytest.fixture
async def house() -> AsyncGenerator[House, None]:
    house = House()
    async with house.serving():
        yield house


@pytest.fixture
async def calling(house: House) -> AsyncGenerator[Caller, None]:
    """Call as the user whose token is called so: `alice`, `bob`, `admin`."""
    async with AsyncExitStack() as stack:
        yield Caller(house, stack)
