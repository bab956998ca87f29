"""Which executor takes a task."""

from collections.abc import Iterable, Mapping

from agola.model.executor import Executor, ExecutorID
from agola.model.run_config import Runtime


def choose_executor(
    runtime: Runtime, executors: Iterable[Executor], loads: Mapping[ExecutorID, int]
) -> Executor | None:
    """Give the executor that suits *runtime* and is the least busy, or None when none has room.

    *loads* says how many tasks each has.  Busy is meant per slot, so that a large executor takes
    more; ties go by id.
    """
    suitable = [
        executor
        for executor in executors
        if suits(runtime, executor) and loads.get(executor.id, 0) < executor.slots
    ]
    return min(
        suitable,
        key=lambda executor: (loads.get(executor.id, 0) / executor.slots, executor.id),
        default=None,
    )


def suits(runtime: Runtime, executor: Executor) -> bool:
    """Say whether an executor could run it, were it idle."""
    wants_privileges = any(container.privileged for container in runtime.containers)
    return (
        not executor.draining
        and (executor.privileged or not wants_privileges)
        and (runtime.arch is None or runtime.arch in executor.archs)
        and runtime.labels.items() <= executor.labels.items()
    )
