"""Every outage of an object storage: `pytest_plugins = ["tests.testbed.outages"]`.

It needs the plugins `tests.testbed.s3` and `tests.testbed.small_disk` beside it.
"""

from collections.abc import AsyncGenerator

import pytest

from agola.config.model import S3Objects
from tests.testbed.faulty_s3 import Fault, faulty_s3
from tests.testbed.outage import Faulty, FullDisk, Outage, Refused

OUTAGES = [
    *("a full disk", "refused"),
    *(Fault.SLOW_DOWN, Fault.BAD_GATEWAY, Fault.STALL, Fault.RESET, Fault.LOSE_ANSWER),
]


@pytest.fixture(params=OUTAGES, ids=str)
async def outage(request: pytest.FixtureRequest) -> AsyncGenerator[Outage, None]:
    """Every way in which object storage can be away, one after the other."""
    if request.param == "a full disk":
        yield FullDisk(request.getfixturevalue("small_disk"))
        return
    server: S3Objects = request.getfixturevalue("s3_objects")
    async with faulty_s3(server) as proxy:
        if request.param == "refused":
            yield Refused(proxy, server)
        else:
            yield Faulty(proxy, server, request.param)
