"""The runservice's records: runs that have ended, run configs, and the numbers of runs."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO

import msgspec
from msgspec import Struct

from agola.datamanager.port import StoredObject
from agola.maintenance.legacy.document import read
from agola.maintenance.legacy.entries import Entry, Place, invalid
from agola.maintenance.legacy.run_configs import run_config
from agola.maintenance.legacy.run_ids import check_run_id
from agola.maintenance.legacy.runs import LegacyRun, Number, archived_run
from agola.model.group import root_group, root_name
from agola.model.run_config import RunConfig

SPOOLED_BYTES = 8 * 2**20
"""As much is kept in memory of runs that wait for their configs; the rest goes to a file."""


async def runservice_objects(
    found: AsyncIterable[Entry], skipped: Counter[str]
) -> AsyncGenerator[StoredObject, None]:
    """Give run configs, each followed by its run if it has ended, then the counters.

    In an export all runs come before all configs, and only a config says the names of the tasks and
    steps of its run: so the runs wait, in a temporary file, and both are gone through together.
    Runs that had not ended are in no export; their configs are, and are taken over.
    """
    with SpooledTemporaryFile(SPOOLED_BYTES) as file:
        runs, numbers = _WaitingRuns(file), _Numbers()
        async for entry in found:
            match entry.place.data_type:
                case "run":
                    runs.add(entry)
                case "runconfig":
                    config = run_config(entry)
                    yield StoredObject("runconfig", config.id, msgspec.json.encode(config))
                    numbers.note(config.group, 0)
                    for stored in _run_of(config, runs, numbers, skipped):
                        yield stored
                case "runcounter":
                    numbers.take(entry)
                case _:
                    raise invalid(entry.place, "is not of a runservice")
        skipped += Counter({"run": runs.drop()})
        for stored in numbers.finished(skipped):
            yield stored


def _run_of(
    config: RunConfig, runs: "_WaitingRuns", numbers: "_Numbers", skipped: Counter[str]
) -> Iterator[StoredObject]:
    skipped += Counter({"run": runs.drop(before=config.id)})
    waiting = runs.next_if(config.id)
    if waiting is None:
        return
    archived = archived_run(waiting.place, waiting.run, config)
    numbers.note(archived.run.group, archived.run.counter)
    skipped += Counter(
        {
            "run.tasks": len(waiting.run.tasks) - len(archived.tasks),
            "run.tasks.annotations": waiting.run.annotated_tasks(),
        }
    )
    yield StoredObject("run", archived.run.id, msgspec.json.encode(archived))


class _Waiting(Struct, frozen=True):
    number: int
    run: LegacyRun

    @property
    def place(self) -> Place:
        return Place(self.number, "run", self.run.id)


class _WaitingRuns:
    """Runs by their ids: written one behind the other, then read in the same order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._next: _Waiting | None = None
        self._reads = False

    def add(self, entry: Entry) -> None:
        if self._reads:
            raise invalid(entry.place, "comes behind the run configs")
        run = read(entry, LegacyRun)
        check_run_id(entry.place, run.id)
        self._file.write(msgspec.json.encode(_Waiting(entry.place.number, run)) + b"\n")

    def drop(self, *, before: str | None = None) -> int:
        """Pass over the runs *before* an id, or all: nothing says what they did.  Counts them."""
        dropped = 0
        while (waiting := self._peek()) and (before is None or waiting.run.id < before):
            self._next = None
            dropped += 1
        return dropped

    def next_if(self, id_: str) -> _Waiting | None:
        """Take the next run if it is the one with this id."""
        waiting = self._peek()
        if waiting is None or waiting.run.id != id_:
            return None
        self._next = None
        return waiting

    def _peek(self) -> _Waiting | None:
        if not self._reads:
            self._reads = True
            self._file.seek(0)
        if self._next is None and (line := self._file.readline()):
            self._next = msgspec.json.decode(line, type=_Waiting)
        return self._next


class _Numbers:
    """The last number that was given to a run, by root group.

    The original knows it by the id of a project or user alone.  A run that has a higher one counts
    more than the counter: no number is given twice.
    """

    def __init__(self) -> None:
        self._counters: dict[str, int] = {}
        self._roots: dict[str, int] = {}

    def take(self, entry: Entry) -> None:
        self._counters[entry.place.id] = read(entry, Number)

    def note(self, group: str, number: int) -> None:
        root = root_group(group)
        self._roots[root] = max(self._roots.get(root, 0), number)

    def finished(self, skipped: Counter[str]) -> Iterator[StoredObject]:
        for root, highest in self._roots.items():
            last = max(highest, self._counters.get(root_name(root), 0))
            id_ = root.strip("/").replace("/", "-")
            yield StoredObject("runcounter", id_, str(last).encode())
        known = {root_name(root) for root in self._roots}
        skipped += Counter({"runcounter": len(self._counters.keys() - known)})
