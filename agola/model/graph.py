"""The graph of a run's tasks: who comes before whom."""

from collections.abc import Iterator, Mapping

from agola.model.run_config import TaskConfig, TaskID


def by_level(tasks: Mapping[TaskID, TaskConfig]) -> list[TaskConfig]:
    """Give the tasks so that parents come before children; ties by name, then by id."""
    return sorted(tasks.values(), key=lambda task: (task.level, task.name, task.id))


def ancestors(tasks: Mapping[TaskID, TaskConfig], task_id: TaskID) -> list[TaskConfig]:
    """Give everything that must have ended before a task, in the order of `by_level`."""
    seen = set(_before(tasks, task_id))
    return [task for task in by_level(tasks) if task.id in seen]


def _before(tasks: Mapping[TaskID, TaskConfig], task_id: TaskID) -> Iterator[TaskID]:
    seen: set[TaskID] = set()
    todo = [depend.task_id for depend in tasks[task_id].depends]
    while todo:
        parent = todo.pop()
        if parent not in seen:
            seen.add(parent)
            todo += [depend.task_id for depend in tasks[parent].depends]
            yield parent


def levels(tasks: Mapping[TaskID, TaskConfig]) -> dict[TaskID, int] | None:
    """Say how far each task is from a task without parents, or None if there is a cycle."""
    found: dict[TaskID, int] = {}
    left = dict(tasks)
    while left:
        ready = {
            id_: max((found[depend.task_id] + 1 for depend in task.depends), default=0)
            for id_, task in left.items()
            if all(depend.task_id in found for depend in task.depends)
        }
        if not ready:
            return None
        found |= ready
        left = {id_: task for id_, task in left.items() if id_ not in ready}
    return found
