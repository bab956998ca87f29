"""An import whose process is killed at any moment: all of it, or nothing of it."""

import shutil
import signal
import sys
from asyncio import create_subprocess_exec
from pathlib import Path

import pytest

from agola import datamanager
from agola.cli.admin.exportfile import writing
from agola.datamanager.port import StoredObject
from agola.maintenance.settling import IMPORT
from agola.storage.kv.port import Delete
from tests.testbed.holdings import BASE, kept

MINE, THEIRS = b"mine", b"theirs, and longer"


async def killed(root: Path, file: Path, change: int) -> bool:
    """Import in a process that dies before a change.  Says whether it did."""
    command = (sys.executable, "-m", "tests.testbed.import_process", root, file, str(change))
    process = await create_subprocess_exec(*command)
    code = await process.wait()
    assert code in {0, -signal.SIGKILL}
    return code != 0


async def start(root: Path) -> tuple[list[StoredObject], dict[str, bytes]]:
    """Start as a service does, when the locks of the dead have expired.

    Gives the records, and the files.
    """
    async with kept(root) as store:
        await store.kv.txn([], [Delete("locks/", prefix=True)])
        async with datamanager.opening(store.kv, store.objects, BASE) as data:
            await store.holdings.settle(data)
        records = [one for one in await store.records() if one.data_type != IMPORT]
        files = {
            path: data
            for path, data in (await store.picture()).items()
            if path.startswith(("logs/", "imports/"))
        }
        return records, files


@pytest.mark.timeout(300)
async def test_an_import_that_is_killed_is_whole_or_never_was(tmp_path: Path) -> None:
    other, origin, file = tmp_path / "other", tmp_path / "origin", tmp_path / "file"
    async with kept(other) as store:
        await store.add_runs(1, 2, log=THEIRS)
        theirs, exported = await store.records(), await store.export()
    with writing(str(file)) as writer:
        for event in exported:
            writer.write(event)
    async with kept(origin) as store:
        await store.add_runs(2, 3, log=MINE)
        await store.enter_maintenance()
    mine, files = await start(origin)

    def log(number: int) -> str:
        return f"logs/task{number:04}/data/steps/0.log"

    outcomes: list[bool] = []
    for change in range(1, 500):
        root = tmp_path / f"try{change}"
        shutil.copytree(origin, root)
        died = await killed(root, file, change)
        records, left = await start(root)
        outcomes.append(records == theirs)
        if records == theirs:
            assert (left[log(1)], left[log(2)]) == (THEIRS, THEIRS)
            assert not [path for path in left if path.startswith("imports/")]
        else:
            assert (records, left) == (mine, files)
        if not died:
            break
    assert outcomes == sorted(outcomes), "whole once, and not again with more of it done"
    assert outcomes[-1]
    assert not outcomes[0]
