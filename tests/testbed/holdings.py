"""The data of a service that is set aside, on real storage."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from agola import datamanager
from agola.core.clock import SystemClock
from agola.core.ids import RandomIds
from agola.datamanager.layout import RESERVED
from agola.datamanager.port import Action, StoredObject
from agola.maintenance.export import Exporter
from agola.maintenance.flag import INSTANCES, MaintenanceFlag
from agola.maintenance.holdings import Holdings
from agola.maintenance.importing import Importer
from agola.model.export import ExportChoice, ExportEvent, Imported
from agola.model.maintenance import MaintainedService, MaintenanceInstance
from agola.model.run import ArchivedRun, Phase, Result, Run, Task
from agola.model.run_config import RunConfig, RunID, TaskID
from agola.services.runservice.store.codec import runservice_codec
from agola.services.runservice.store.run_files import RunFiles
from agola.storage.kv import embedded
from agola.storage.kv.port import KeyValue, Put
from agola.storage.objects.port import ObjectStorage
from agola.storage.objects.posix import opening_posix

BASE = "rundata"
EVERYTHING = ExportChoice(with_logs=True, with_archives=True)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Kept:
    """A runservice's data.  Nothing has it open unless a method says so."""

    kv: KeyValue
    objects: ObjectStorage

    def __post_init__(self) -> None:
        self.holdings = Holdings(
            service=MaintainedService.RUNSERVICE,
            kv=self.kv,
            objects=self.objects,
            base=BASE,
            codec=runservice_codec(),
            files=RunFiles(self.objects),
        )
        self.flag = MaintenanceFlag(self.kv, SystemClock())
        self.importer = Importer(self.holdings, self.flag, RandomIds())

    async def enter_maintenance(self, *, instance: bool = True) -> None:
        """Ask for maintenance mode, in which the only *instance* is, or is not yet."""
        await self.flag.enable()
        known = MaintenanceInstance(id="one", maintenance=instance, change_time=MOMENT)
        await self.kv.txn([], [Put(INSTANCES + "one", msgspec.json.encode(known))])

    async def add_runs(self, *numbers: int, log: bytes = b"a log", archive: bytes = b"") -> None:
        """Keep ended runs, each with a task that has a log and perhaps an archive."""
        async with datamanager.opening(self.kv, self.objects, BASE) as data:
            await data.commit([action for number in numbers for action in actions_of(number)])
        for number in numbers:
            await self.add_files(number, log=log, archive=archive)

    async def add_files(self, number: int, *, log: bytes, archive: bytes = b"") -> None:
        task, run = f"task{number:04}", f"run{number:04}"
        await self.objects.write(f"logs/{task}/data/steps/0.log", log)
        await self.objects.write(f"logs/{task}/runs/{run}", b"")
        if archive:
            await self.objects.write(f"workspacearchives/{task}/data/1.tar", archive)
            await self.objects.write(f"workspacearchives/{task}/data/1.tar.sha256", b"x 1\n")
            await self.objects.write(f"workspacearchives/{task}/runs/{run}", b"")

    async def export(self, choice: ExportChoice = EVERYTHING) -> list[ExportEvent]:
        exporter = Exporter(self.holdings, self.holdings.viewing, SystemClock())
        async with aclosing(exporter.export(choice)) as events:
            return [event async for event in events]

    async def import_(self, events: Iterable[ExportEvent]) -> Imported:
        async with aclosing(each(events)) as stream:
            return await self.importer.import_(stream)

    async def records(self) -> list[StoredObject]:
        """Give all that the datamanager keeps."""
        async with self.holdings.viewing() as view:
            return [one for name in view.types() async for one in view.scan(name)]

    async def picture(self) -> dict[str, bytes]:
        """Give everything in both stores, byte by byte.

        But for locks, and the number that keeps two imports from writing files of one name.
        """
        seen: dict[str, bytes] = {}
        async with aclosing(self.objects.list()) as infos:
            async for info in infos:
                async with aclosing(self.objects.read(info.path)) as pieces:
                    seen[info.path] = b"".join([piece async for piece in pieces])
        for entry in (await self.kv.range("")).entries:
            if not entry.key.startswith("locks/") and entry.key != RESERVED:
                seen[f"kv:{entry.key}"] = entry.value
        return seen


def actions_of(number: int) -> Sequence[Action]:
    """Make the records of an ended run."""
    run_id = RunID(f"run{number:04}")
    run = Run(
        id=run_id,
        name="run",
        group="/user/u",
        counter=number,
        create_time=MOMENT,
        phase=Phase.FINISHED,
        result=Result.SUCCESS,
    )
    task = Task(id=TaskID(f"task{number:04}"), name="task", stored=True)
    config = RunConfig(id=run_id, name="run", group="/user/u")
    return (
        Action("run", run_id, msgspec.json.encode(ArchivedRun(run=run, tasks=(task,)))),
        Action("runconfig", run_id, msgspec.json.encode(config)),
        Action("runcounter", "user-u", str(number).encode()),
    )


@asynccontextmanager
async def kept(root: Path) -> AsyncGenerator[Kept, None]:
    """Open the data of a service that nothing else has open."""
    async with embedded.opening(root / "kv.db") as kv, opening_posix(root / "objects") as objects:
        yield Kept(kv, objects)


async def each(events: Iterable[ExportEvent]) -> AsyncGenerator[ExportEvent, None]:
    for event in events:
        yield event
