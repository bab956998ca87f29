"""Run events: they are the history of the headers of runs in the key-value store."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from agola.model.run import Run
from agola.model.run_event import NothingChanged, RunChanged, RunEvent, RunsSnapshot
from agola.services.runservice.ports.live import LiveState
from agola.services.runservice.store.live import PREFIX
from agola.storage.kv.port import Change, KeyValue, Revision

RUNS = PREFIX + "runs/"


class RunEventLog:
    """Tells run events.  Nothing is written for them, so none is lost and none comes too early."""

    def __init__(self, kv: KeyValue, live: LiveState) -> None:
        self._kv = kv
        self._live = live

    async def watch(self, *, after: int) -> AsyncGenerator[RunEvent, None]:
        """Tell what happens after a revision; with 0, a snapshot first."""
        if not after:
            after = self._live.revision
            runs = tuple(run for run in self._live.runs() if not run.phase.ended)
            yield RunsSnapshot(runs, after)
        history = self._kv.watch(RUNS, after=Revision(after), previous=True)
        async with aclosing(history) as revisions:
            async for changes in revisions:
                for change in changes.changes:
                    if run := _event(change):
                        yield RunChanged(run, changes.revision)
                if not changes.changes:
                    yield NothingChanged(changes.revision)


def _event(change: Change) -> Run | None:
    """Give the run if its phase or result changed."""
    if change.entry is None:
        return None
    run = msgspec.json.decode(change.entry.value, type=Run)
    if change.previous is None:
        return run
    before = msgspec.json.decode(change.previous.value, type=Run)
    return run if (run.phase, run.result) != (before.phase, before.result) else None
