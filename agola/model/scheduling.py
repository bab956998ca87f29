"""Which queued run starts next: one of a group at a time, in the order in which they came."""

from bisect import insort
from collections.abc import Iterable

from agola.model.run import Phase, Run
from agola.model.run_config import RunID


class GroupQueues:
    """The runs that have not ended, by group.  Pure memory, fed by run events."""

    def __init__(self) -> None:
        self._queued: dict[str, list[RunID]] = {}
        self._running: dict[str, set[RunID]] = {}

    def reset(self, runs: Iterable[Run]) -> set[str]:
        """Forget everything but *runs*.  Gives the groups that there are now."""
        self._queued.clear()
        self._running.clear()
        for run in runs:
            self.update(run)
        return self._queued.keys() | self._running.keys()

    def update(self, run: Run) -> None:
        """Take over how a run is now.  What is told late changes nothing: phases never go back."""
        if run.phase is Phase.QUEUED:
            queued = self._queued.setdefault(run.group, [])
            if run.id not in queued and run.id not in self._running.get(run.group, ()):
                insort(queued, run.id)
            return
        self._drop(run)
        if run.phase is Phase.RUNNING:
            self._running.setdefault(run.group, set()).add(run.id)

    def next(self, group: str) -> RunID | None:
        """Say which run of a group may start now, if any."""
        queued = self._queued.get(group)
        return queued[0] if queued and not self._running.get(group) else None

    def forget(self, group: str, run_id: RunID) -> None:
        """Drop a queued run that turned out to be queued no more."""
        queued = self._queued.get(group, [])
        if run_id in queued:
            queued.remove(run_id)
        if not queued:
            self._queued.pop(group, None)

    def _drop(self, run: Run) -> None:
        self.forget(run.group, run.id)
        running = self._running.get(run.group, set())
        running.discard(run.id)
        if not running:
            self._running.pop(run.group, None)
