"""Measure what encryption at rest costs, and print the figures as JSON.

    .venv/bin/python -m tools.bench_encryption

Times to write and read a run config are medians in microseconds, with and without encryption;
a rotation is measured on the embedded stores.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from agola import datamanager
from agola.config.model import Config
from agola.core.keyring import Keys, Sealer
from agola.datamanager.port import Action
from agola.maintenance.encryption import EncryptedData
from agola.maintenance.key_register import KeyRegister
from agola.model.run_config import GitSource, RunConfig, RunID, RunStep, TaskConfig, TaskID
from agola.services.runservice.store.run_config_record import RUN_CONFIG, RunConfigRecords
from agola.storage import keyring, kv, objects

TASKS = (1, 10, 100, 1000)
VARIABLES = 10
ROTATED = 10_000
BATCH = 100


def a_config(tasks: int, run_id: str = "r") -> RunConfig:
    environment = {f"VARIABLE_{n}": f"the value of variable {n}" for n in range(VARIABLES)}
    steps = tuple(RunStep(name=name, command=f"make {name}") for name in ("build", "test"))
    made = [
        TaskConfig(id=TaskID(f"{n:032}"), name=f"{n}", environment=environment, steps=steps)
        for n in range(tasks)
    ]
    source = GitSource(url="http://git/r.git", ref="main", commit="c" * 40, password="p" * 43)
    return RunConfig(
        id=RunID(run_id),
        name="run",
        group="/user/u",
        tasks={task.id: task for task in made},
        static_environment=environment,
        source=source,
    )


def microseconds(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return round(statistics.median(taken) * 1e6, 1)


def costs(keys: Keys, tasks: int) -> dict[str, float]:
    """Measure a run config of so many tasks: encrypted, and as it would be in clear."""
    records = RunConfigRecords(Sealer(keys))
    config, times = a_config(tasks), max(20, 5000 // tasks)
    clear, sealed = msgspec.json.encode(config), records.encode(config, keys.current())
    return {
        "write": microseconds(lambda: records.encode(config, keys.current()), times),
        "write in clear": microseconds(lambda: msgspec.json.encode(config), times),
        "read": microseconds(lambda: records.decode(config.id, sealed), times),
        "read in clear": microseconds(lambda: msgspec.json.decode(clear, type=RunConfig), times),
        "bytes": len(sealed),
        "bytes in clear": len(clear),
    }


async def rotation(config: Config, keys: Keys) -> dict[str, float]:
    """Measure a rotation of run configs of ten tasks."""
    async with (
        kv.opening(config, "bench") as live,
        objects.opening(config, "bench") as files,
        datamanager.opening(live, files, "data") as data,
    ):
        register = KeyRegister(data, keys)
        records = RunConfigRecords(Sealer(keys))
        encrypted = EncryptedData(data, live, register, [records.sealer])
        key = await register.current()
        for first in range(0, ROTATED, BATCH):
            made = [a_config(10, f"{n:08}") for n in range(first, first + BATCH)]
            puts = [Action(RUN_CONFIG, one.id, records.encode(one, key)) for one in made]
            await data.commit(puts)
        new = await encrypted.create(instead_of=key.id)
        start = time.perf_counter()
        last = [progress async for progress in encrypted.rotate(new)][-1]
        seconds = time.perf_counter() - start
        return {"records": last.encrypted, "records a second": round(last.encrypted / seconds)}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="agola") as folder:
        config = Config(data_dir=Path(folder))
        keys = keyring.opening(config)
        asyncio.run(keys.make(instead_of=""))
        figures = {f"{tasks} tasks": costs(keys, tasks) for tasks in TASKS}
        figures["rotation"] = asyncio.run(rotation(config, keys))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
