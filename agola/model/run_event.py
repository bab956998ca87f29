"""What watchers of runs are told.  In a stream of these, None is a heartbeat."""

from dataclasses import dataclass
from typing import TypeAlias

from agola.model.run import Run, Task


@dataclass(frozen=True, slots=True)
class RunsSnapshot:
    """Every run that has not ended, oldest first."""

    runs: tuple[Run, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class RunChanged:
    """A run that is new, or whose phase or result changed: as it was right then."""

    run: Run
    revision: int


@dataclass(frozen=True, slots=True)
class NothingChanged:
    """Everything up to `revision` has been told, and nothing happened since."""

    revision: int


RunEvent: TypeAlias = RunsSnapshot | RunChanged | NothingChanged


@dataclass(frozen=True, slots=True)
class RunState:
    """One run as it is, with its tasks by level and name.  The first that a watcher is told."""

    run: Run
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class RunDifference:
    """What became different: the run (None: it did not), and the tasks that changed."""

    run: Run | None
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run has ended: nothing will change any more."""


RunProgress: TypeAlias = RunState | RunDifference | RunEnded
