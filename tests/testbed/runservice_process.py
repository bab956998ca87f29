"""A runservice with its scheduler, alone in a process: to be killed.  `DATA_DIR RUNTIME_DIR`."""

import asyncio
import sys
from pathlib import Path

from agola.config.model import Config, Internal
from agola.services.runservice import service as runservice
from agola.services.scheduler import service as scheduler

TOKEN = "the-token-of-these-tests"


def config_in(data_dir: Path, runtime_dir: Path) -> Config:
    address = f"unix:{runtime_dir}/runservice.sock"
    return Config(
        data_dir=data_dir,
        runtime_dir=runtime_dir,
        internal_token=TOKEN,
        runservice=Internal(listen=address, target=address),
    )


async def main(data_dir: Path, runtime_dir: Path) -> None:
    config = config_in(data_dir, runtime_dir)
    async with runservice.serving(config), scheduler.serving(config):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
