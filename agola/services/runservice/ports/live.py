"""Live state: runs that have not been archived, and who works on them."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from agola.core.errors import NotExistError
from agola.model.executor import Executor, ExecutorID, ExecutorTask
from agola.model.run import Run, Task
from agola.model.run_config import RunID, TaskID

T = TypeVar("T", bound="Struct | str")


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """A place in live state, and what is kept there."""

    path: str
    type: type[T]


AnyKey: TypeAlias = Key[Any]
Puts: TypeAlias = dict[AnyKey, Struct | str]


def run_key(run_id: RunID) -> Key[Run]:
    return Key(f"runs/{run_id}", Run)


def task_key(run_id: RunID, task_id: TaskID) -> Key[Task]:
    return Key(f"tasks/{run_id}/{task_id}", Task)


def executor_task_key(task_id: TaskID) -> Key[ExecutorTask]:
    return Key(f"executortasks/{task_id}", ExecutorTask)


def executor_key(executor_id: ExecutorID) -> Key[Executor]:
    return Key(f"executors/{executor_id}", Executor)


def sign_key(executor_id: ExecutorID) -> Key[str]:
    """Name the sign of life of an executor.  Each write counts, whatever it says."""
    return Key(f"signs/{executor_id}", str)


def slots_key(executor_id: ExecutorID) -> Key[str]:
    """Name what each assignment writes, so that two of them cannot take the same slot."""
    return Key(f"slots/{executor_id}", str)


def group_key(group: str) -> Key[str]:
    """Name the run that has the turn in a group."""
    return Key(f"groups{group}", str)


def request_key(request_id: str) -> Key[str]:
    """Name the run that a request made."""
    return Key(f"requests/{request_id}", str)


def archived_key() -> Key[str]:
    """Name the position of the archive that has every run which left the live state."""
    return Key("archived", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to write, on the condition that nothing that it names was changed meanwhile."""

    put: Mapping[AnyKey, Struct | str] = field(default_factory=dict)
    """A change too large for one transaction is cut; a run is written last, after all else."""
    delete: tuple[AnyKey, ...] = ()
    """In this order."""
    unchanged: tuple[AnyKey, ...] = ()


NO_CHANGE = Change()


@dataclass(frozen=True, slots=True)
class Touched:
    """What one revision of the live state changed."""

    runs: frozenset[RunID]
    executors: frozenset[ExecutorID]


class Wake(Protocol):
    """Rings when something changed.  Rings that nobody waited for count as one."""

    async def wait(self) -> None:
        """Wait for a ring since the last `wait`."""


class LiveState(Protocol):
    """A picture of the live state, never far behind it, and the way to change it.

    What the picture gives is not copied: nobody may modify it.
    """

    @property
    def revision(self) -> int:
        """The revision that the picture shows."""

    @property
    def archived(self) -> str:
        """The position of the archive that has every run which this picture no longer has."""

    def runs(self) -> Iterable[Run]:
        """Give the runs, oldest first."""

    def run(self, run_id: RunID) -> Run | None: ...

    def numbered(self, root_group: str, counter: int) -> Run | None:
        """Give the run with a number."""

    def tasks(self, run_id: RunID) -> Mapping[TaskID, Task]: ...

    def orphans(self) -> AbstractSet[RunID]:
        """Name the runs of which there are tasks only: being created, or left so by a crash."""

    def executor_task(self, task_id: TaskID) -> ExecutorTask | None: ...

    def executor_tasks(self, run_id: RunID) -> Mapping[TaskID, ExecutorTask]:
        """Give the tasks of a run that are in the hands of executors."""

    def assigned(self, executor_id: ExecutorID) -> Mapping[TaskID, ExecutorTask]:
        """Give the tasks in the hands of an executor."""

    def assignees(self) -> Iterable[ExecutorID]:
        """Name the executors that have tasks, also those that are lost."""

    def executors(self) -> Mapping[ExecutorID, Executor]: ...

    def silence(self, executor_id: ExecutorID) -> float:
        """Say for how many seconds no sign of an executor was seen here."""

    def holder(self, group: str) -> RunID | None:
        """Say which run has the turn in a group."""

    def requested(self, request_id: str) -> RunID | None:
        """Say which run a request made."""

    async def change(self, decide: Callable[[], Change]) -> None:
        """Do what *decide* says, which looks at this picture.

        It is asked again when the picture was out of date; what it raises is raised.  On return the
        picture shows what was done.
        """

    async def seen(self, key: AnyKey) -> None:
        """Wait until what is known of *key* is at least as new as what another instance wrote."""

    def watching_run(self, run_id: RunID) -> AbstractContextManager[Wake]:
        """Ring when a run, its tasks or its executor tasks change."""

    def watching_executor(self, executor_id: ExecutorID) -> AbstractContextManager[Wake]:
        """Ring when an executor or one of its tasks changes."""

    def listening(self, listener: Callable[[Touched], None]) -> AbstractContextManager[None]:
        """Tell *listener* of every revision."""


def no_run(run_id: str) -> NotExistError:
    """Make the error for a run that nobody knows."""
    message = f"run {run_id!r} doesn't exist"
    return NotExistError(message, reason="RUN_DOES_NOT_EXIST", runId=run_id)
