"""How people name runs and tasks: by id, or by number and by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from msgspec import Struct

from agola.core.errors import NotExistError
from agola.model.run import Phase, Result, Task
from agola.model.run_config import RunID, TaskID


@dataclass(frozen=True, slots=True)
class UserRuns:
    """The direct runs of a user.  Without a ref: of whoever asks."""

    user_ref: str = ""


@dataclass(frozen=True, slots=True)
class ProjectRuns:
    """The runs of a project."""

    project_ref: str


RunScope: TypeAlias = UserRuns | ProjectRuns
MINE = UserRuns()


@dataclass(frozen=True, slots=True)
class NumberedRun:
    """A run by the number that people see."""

    number: int
    scope: RunScope = MINE

    def __str__(self) -> str:
        match self.scope:
            case UserRuns(""):
                return f"{self.number}"
            case UserRuns(ref) | ProjectRuns(ref):
                return f"{self.number} of {ref}"


RunRef: TypeAlias = RunID | NumberedRun


class TaskRef(Struct, frozen=True, kw_only=True):
    """A task of a run, by its id or else by its name."""

    id: TaskID = TaskID("")
    name: str = ""

    def __str__(self) -> str:
        return self.id or self.name

    def find(self, tasks: Iterable[Task]) -> Task:
        """Give the task that is meant.  NotExistError: TASK_DOES_NOT_EXIST."""
        for task in tasks:
            if task.id == self.id or (not self.id and task.name == self.name):
                return task
        message = f"the run has no task {str(self)!r}"
        raise NotExistError(message, reason="TASK_DOES_NOT_EXIST", task=str(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSelection:
    """Which runs to list.  All parts must hold; an empty part always does."""

    scope: RunScope = MINE
    phases: tuple[Phase, ...] = ()
    results: tuple[Result, ...] = ()
    subgroup: str = ""
    """A group below the scope, without a slash at its start: `repository/<uuid>/branch/main`."""
