"""The picture of the live state in memory: what the keys say, and where to find it."""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from agola.core.clock import Clock
from agola.model.executor import Executor, ExecutorID, ExecutorTask
from agola.model.group import root_group
from agola.model.run import Run, Task
from agola.model.run_config import RunID, TaskID
from agola.services.runservice.ports.live import (
    Key,
    Touched,
    archived_key,
    group_key,
    request_key,
)
from agola.storage.kv.port import Entry, Revision

K = TypeVar("K")
V = TypeVar("V")
Index = defaultdict[K, dict[TaskID, V]]

DECODERS: Mapping[str, "msgspec.json.Decoder[Any]"] = {
    "runs": msgspec.json.Decoder(Run),
    "tasks": msgspec.json.Decoder(Task),
    "executortasks": msgspec.json.Decoder(ExecutorTask),
    "executors": msgspec.json.Decoder(Executor),
}


class Picture:
    """Live state by key, with indexes.  Pure memory: no I/O, no waiting."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._revisions: dict[str, Revision] = {}
        self._values: dict[str, Any] = {}
        self._run_ids: list[RunID] = []
        self._numbers: dict[tuple[str, int], RunID] = {}
        self._tasks: Index[RunID, Task] = defaultdict(dict)
        self._by_run: Index[RunID, ExecutorTask] = defaultdict(dict)
        self._by_executor: Index[ExecutorID, ExecutorTask] = defaultdict(dict)
        self._executors: dict[ExecutorID, Executor] = {}
        self._signs: dict[ExecutorID, float] = {}

    def revision_of(self, key: Key[Any]) -> Revision:
        """Say when a key was last written; 0: it is not there."""
        return self._revisions.get(key.path, Revision(0))

    @property
    def archived(self) -> str:
        """The position of the archive that has every run which is no longer here."""
        position: str = self._values.get(archived_key().path, "")
        return position

    def keys(self) -> set[str]:
        return set(self._revisions)

    def newest_run_id(self) -> str:
        """Give the largest id of a run, or ""."""
        return self._run_ids[-1] if self._run_ids else ""

    def runs(self) -> Iterable[Run]:
        return [self._values[f"runs/{run_id}"] for run_id in self._run_ids]

    def run(self, run_id: RunID) -> Run | None:
        run: Run | None = self._values.get(f"runs/{run_id}")
        return run

    def numbered(self, root: str, counter: int) -> Run | None:
        run_id = self._numbers.get((root, counter))
        return self.run(run_id) if run_id else None

    def tasks(self, run_id: RunID) -> Mapping[TaskID, Task]:
        return MappingProxyType(self._tasks.get(run_id, {}))

    def orphans(self) -> AbstractSet[RunID]:
        return self._tasks.keys() - set(self._run_ids)

    def executor_task(self, task_id: TaskID) -> ExecutorTask | None:
        task: ExecutorTask | None = self._values.get(f"executortasks/{task_id}")
        return task

    def executor_tasks(self, run_id: RunID) -> Mapping[TaskID, ExecutorTask]:
        return MappingProxyType(self._by_run.get(run_id, {}))

    def assigned(self, executor_id: ExecutorID) -> Mapping[TaskID, ExecutorTask]:
        return MappingProxyType(self._by_executor.get(executor_id, {}))

    def assignees(self) -> Iterable[ExecutorID]:
        return [executor_id for executor_id, tasks in self._by_executor.items() if tasks]

    def executors(self) -> Mapping[ExecutorID, Executor]:
        return MappingProxyType(self._executors)

    def silence(self, executor_id: ExecutorID) -> float:
        return self._clock.monotonic() - self._signs.get(executor_id, 0.0)

    def holder(self, group: str) -> RunID | None:
        run_id: RunID | None = self._values.get(group_key(group).path)
        return run_id

    def requested(self, request_id: str) -> RunID | None:
        run_id: RunID | None = self._values.get(request_key(request_id).path)
        return run_id

    def apply(self, path: str, entry: Entry | None) -> Touched:
        """Take over what happened to a key.  Gives whom that concerns."""
        kind = path.partition("/")[0]
        before = self._values.pop(path, None)
        after = None
        if entry is None:
            self._revisions.pop(path, None)
        else:
            self._revisions[path] = entry.mod_revision
            decoder = DECODERS.get(kind)
            after = decoder.decode(entry.value) if decoder else entry.value.decode()
            self._values[path] = after
        return self._index(kind, path, before, after)

    def _index(self, kind: str, path: str, before: Any, after: Any) -> Touched:
        match kind:
            case "runs":
                return self._index_run(before, after)
            case "tasks":
                return self._index_task(path, after)
            case "executortasks":
                return self._index_executor_task(before, after)
            case "executors":
                return self._index_executor(ExecutorID(path.partition("/")[2]), after)
            case "signs":
                self._signs[ExecutorID(path.partition("/")[2])] = self._clock.monotonic()
            case _:
                pass
        return Touched(frozenset(), frozenset())

    def _index_run(self, before: Run | None, after: Run | None) -> Touched:
        known = after or before
        if known is None:
            return Touched(frozenset(), frozenset())
        number = (root_group(known.group), known.counter)
        if after is None:
            self._run_ids.remove(known.id)
            self._numbers.pop(number, None)
        elif before is None:
            insort(self._run_ids, known.id)
            self._numbers[number] = known.id
        return Touched(frozenset({known.id}), frozenset())

    def _index_task(self, path: str, after: Task | None) -> Touched:
        _, run, task = path.split("/")
        run_id, task_id = RunID(run), TaskID(task)
        _put(self._tasks, run_id, task_id, after)
        return Touched(frozenset({run_id}), frozenset())

    def _index_executor_task(
        self, before: ExecutorTask | None, after: ExecutorTask | None
    ) -> Touched:
        either = [task for task in (before, after) if task is not None]
        if before is not None and (after is None or after.executor_id != before.executor_id):
            _put(self._by_executor, before.executor_id, before.task_id, None)
        for task in either:
            _put(self._by_run, task.run_id, task.task_id, after)
        if after is not None:
            _put(self._by_executor, after.executor_id, after.task_id, after)
        return Touched(
            frozenset(task.run_id for task in either),
            frozenset(task.executor_id for task in either),
        )

    def _index_executor(self, executor_id: ExecutorID, after: Executor | None) -> Touched:
        if after is None:
            self._executors.pop(executor_id, None)
        else:
            self._executors[executor_id] = after
        runs = frozenset(task.run_id for task in self.assigned(executor_id).values())
        return Touched(runs, frozenset({executor_id}))


def _put(index: Index[K, V], owner: K, task_id: TaskID, value: V | None) -> None:
    if value is not None:
        index[owner][task_id] = value
    elif owner in index:
        index[owner].pop(task_id, None)
        if not index[owner]:
            del index[owner]
