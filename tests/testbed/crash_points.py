"""Processes that are killed exactly where they change something: before, or right after.

`Forker` is a warm process that forks one child per job.  The child runs a scenario on storage whose
ports count every effect by its name, and kills itself at the one it was told.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from agola.datamanager import opening, replacing
from agola.datamanager.layout import DATA_SEQUENCE, DECIDED, HEAD, LOG, REPLACING, SNAPSHOT
from agola.datamanager.limits import Limits
from agola.datamanager.port import Action, DataManager, StoredObject
from agola.storage.kv import embedded
from agola.storage.kv.port import Compare, Delete, KeyValue, Operation, Outcome
from agola.storage.objects.port import ObjectStorage
from agola.storage.objects.posix import opening_posix
from tests.testbed.etcd_process import DIES_WITH_ITS_PARENT

T = TypeVar("T")

BASE = "base"
LIMITS = Limits(checkpoint_wals=1_000, keep_wals=1, keep_snapshots=1, max_file_bytes=150)
TXNS = {
    HEAD: "commit",
    SNAPSHOT: "use snapshot",
    DATA_SEQUENCE: "take number",
    LOG: "empty log",
    REPLACING: "announce",
    DECIDED: "decide",
}
OBJECTS = {
    "wals/data/": "batch",
    "wals/status/": "marker",
    ".proposal": "proposal",
    ".status": "status",
    ".data": "data file",
    ".index": "index",
}


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process dies: at the n-th effect of a name."""

    effect: str
    occurrence: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.effect} {self.occurrence}"


@dataclass(frozen=True, slots=True)
class Job:
    """A scenario on the storage below *root*; what it says goes to files there."""

    scenario: str
    root: str
    point: dict[str, Any] | None = None


class Effects:
    """Writes down what is done, and ends the process at one point of it."""

    def __init__(self, root: Path, point: Point | None) -> None:
        self._file = os.open(root / "effects", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._point = point
        self._seen: Counter[str] = Counter()

    async def around(self, effect: str, work: Awaitable[T]) -> T:
        self._seen[effect] += 1
        occurrence = self._seen[effect]
        os.write(self._file, f"{effect}\n".encode())
        self._die_at(Point(effect, occurrence, after=False))
        result = await work
        self._die_at(Point(effect, occurrence, after=True))
        return result

    def _die_at(self, point: Point) -> None:
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


class CountingKeyValue:
    """A real key-value store, whose transactions are effects."""

    def __init__(self, kv: KeyValue, effects: Effects) -> None:
        self._kv = kv
        self._effects = effects

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kv, name)

    async def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Operation],
        failure: Sequence[Operation] = (),
    ) -> Outcome:
        work = self._kv.txn(compares, success, failure)
        if not success:
            return await work
        key = success[0].key
        what = "delete keys" if isinstance(success[0], Delete) else "put keys"
        return await self._effects.around(TXNS.get(key, what), work)


class CountingObjects:
    """Real object storage, whose changes are effects."""

    def __init__(self, objects: ObjectStorage, effects: Effects) -> None:
        self._objects = objects
        self._effects = effects

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    async def write(self, path: str, data: bytes | AsyncIterable[bytes]) -> int:
        return await self._effects.around(f"write {_kind(path)}", self._objects.write(path, data))

    async def delete(self, path: str) -> None:
        await self._effects.around(f"delete {_kind(path)}", self._objects.delete(path))


def _kind(path: str) -> str:
    return next(kind for part, kind in OBJECTS.items() if part in path)


@asynccontextmanager
async def storage(root: Path) -> AsyncGenerator[tuple[KeyValue, ObjectStorage], None]:
    async with (
        embedded.opening(root / "kv.db") as kv,
        opening_posix(root / "objects") as objects,
    ):
        yield kv, objects


Said = Callable[[str], None]


async def commit(store: DataManager, number: int, said: Said) -> None:
    """Commit a batch of two objects, whose place among the others a third one says."""
    name = f"{number:03}"
    half = b"x" * 40
    await store.commit(
        [
            Action("half", f"{name}-left", half),
            Action("half", f"{name}-right", half),
            Action("last", "last", name.encode()),
            Action("gone", "gone", name.encode() if number % 2 else None),
        ]
    )
    said(name)


async def write(kv: KeyValue, objects: ObjectStorage, said: Said) -> None:
    async with opening(kv, objects, BASE, limits=LIMITS) as store:
        for number in range(100, 103):
            await commit(store, number, said)


async def checkpoint(kv: KeyValue, objects: ObjectStorage, said: Said) -> None:
    async with opening(kv, objects, BASE, limits=LIMITS) as store:
        for number in (100, 101):
            await commit(store, number, said)
            await store.checkpoint()


async def start(kv: KeyValue, objects: ObjectStorage, said: Said) -> None:
    """Recover first, where there is something to recover."""
    async with opening(kv, objects, BASE, limits=LIMITS) as store:
        await commit(store, 100, said)


async def replace(kv: KeyValue, objects: ObjectStorage, said: Said) -> None:
    async with replacing(kv, objects, BASE, limits=LIMITS) as replacement:
        for number in range(6):
            await replacement.put(StoredObject("imported", f"{number}", b"y" * 60))
        await replacement.commit()
        said("replaced")


SCENARIOS = {each.__name__: each for each in (write, checkpoint, start, replace)}


async def run(job: Job) -> None:
    root = Path(job.root)
    effects = Effects(root, Point(**job.point) if job.point else None)
    acknowledged = os.open(root / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with storage(root) as (kv, objects):
        keys: Any = CountingKeyValue(kv, effects)
        files: Any = CountingObjects(objects, effects)

        def say(line: str) -> None:
            os.write(acknowledged, f"{line}\n".encode())

        await SCENARIOS[job.scenario](keys, files, say)


class Forker:
    """A process that forks.  End it by leaving the block."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [*DIES_WITH_ITS_PARENT, sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, scenario: str, root: Path, point: Point | None = None) -> int:
        """Run a scenario in a child; say how that ended: 0, or the negative of a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = Job(scenario, str(root), asdict(point) if point else None)
        self._process.stdin.write(f"{json.dumps(asdict(job))}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def _fork() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                asyncio.run(run(Job(**json.loads(line))))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _fork()
