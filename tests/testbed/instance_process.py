"""One instance of a configstore or a runservice, alone in a process, to be killed."""

import asyncio
import pickle
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agola.config.model import Config
from agola.model.maintenance import MaintainedService
from agola.services.configstore import service as configstore
from agola.services.runservice import service as runservice
from tests.testbed.etcd_process import DIES_WITH_ITS_PARENT

READY = b"ready\n"


@asynccontextmanager
async def instance_process(
    config: Config, service: MaintainedService
) -> AsyncGenerator[asyncio.subprocess.Process, None]:
    """Run an instance that is up as the block begins, and killed after it, if not before."""
    child = await asyncio.create_subprocess_exec(
        *DIES_WITH_ITS_PARENT,
        *(sys.executable, "-m", __name__, pickle.dumps(config).hex(), service.value),
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert await child.stdout.readline() == READY
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def main(config: Config, service: MaintainedService) -> None:
    serving = (
        runservice.serving(config)
        if service is MaintainedService.RUNSERVICE
        else configstore.serving(config, announce=lambda _: None)
    )
    async with serving:
        sys.stdout.buffer.write(READY)
        sys.stdout.flush()
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(pickle.loads(bytes.fromhex(sys.argv[1])), MaintainedService(sys.argv[2])))
