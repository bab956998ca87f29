"""What executors ask and say, and who of them is alive."""

from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from functools import partial

from msgspec import structs

from agola.core.clock import Clock
from agola.core.errors import BadRequestError, PreconditionError
from agola.core.ids import Ids
from agola.model.assignment import (
    AssignedTask,
    AssignedTasks,
    Assignment,
    ExecutorLoad,
    Registration,
    ReleasedTask,
)
from agola.model.executor import Executor, ExecutorID, ExecutorTask, SessionID
from agola.model.run_config import TaskID
from agola.model.spec import spec_data
from agola.services.runservice.ports.archive import RunConfigs
from agola.services.runservice.ports.live import (
    Change,
    LiveState,
    Puts,
    executor_key,
    sign_key,
    slots_key,
)

LEASE = timedelta(seconds=15)
KEEP_ALIVE = LEASE / 3


class ExecutorActions:
    """Registers executors and hands them their tasks."""

    def __init__(
        self,
        live: LiveState,
        configs: RunConfigs,
        *,
        ids: Ids,
        clock: Clock,
        lease: timedelta = LEASE,
    ) -> None:
        self._live = live
        self._configs = configs
        self._ids = ids
        self._clock = clock
        self._lease = lease
        self._start = clock.monotonic()

    async def register(self, executor: Executor) -> Registration:
        """Begin a session of an executor; older ones end.

        BadRequestError: `EXECUTOR_ID_REQUIRED`, `EXECUTOR_ADDRESS_REQUIRED`,
        `EXECUTOR_SLOTS_INVALID`.
        """
        _check(executor)
        session = SessionID(self._ids.token())
        known = structs.replace(
            executor, session=session, register_time=self._clock.now(), draining=False
        )
        put: Puts = {executor_key(known.id): known, sign_key(known.id): session}
        await self._live.change(lambda: Change(put=put))
        return Registration(session, keep_alive=self._lease / 3, lease=self._lease)

    async def keep_alive(self, executor_id: ExecutorID, session: SessionID) -> None:
        """Take a sign of life.  PreconditionError: `EXECUTOR_SESSION_STALE`."""

        def decide() -> Change:
            check_session(self._live, executor_id, session)
            key = executor_key(executor_id)
            return Change(put={sign_key(executor_id): session}, unchanged=(key,))

        await self._live.change(decide)

    async def watch(
        self, executor_id: ExecutorID, session: SessionID
    ) -> AsyncGenerator[Assignment, None]:
        """Tell an executor its tasks as they are, then what changes.

        What it reports itself is not told back, but for the end: the task is not told to run again.
        PreconditionError: `EXECUTOR_SESSION_STALE`, also when that comes to be.
        """
        told: dict[TaskID, tuple[bool, bool]] = {}
        with self._live.watching_executor(executor_id) as wake:
            check_session(self._live, executor_id, session)
            yield AssignedTasks(tuple(sorted(self._live.assigned(executor_id))))
            while True:
                check_session(self._live, executor_id, session)
                assigned = dict(self._live.assigned(executor_id))
                for task_id in sorted(told.keys() - assigned.keys()):
                    del told[task_id]
                    yield ReleasedTask(task_id)
                for task_id, task in assigned.items():
                    if told.get(task_id) != _news(task):
                        told[task_id] = _news(task)
                        yield await self._assigned(task)
                await wake.wait()

    def list(self, *, after: str, limit: int) -> Sequence[ExecutorLoad]:
        """Give at most *limit* of the executors that are alive, behind an id, by id."""
        executors = self._live.executors()
        return [
            ExecutorLoad(executors[id_], self._active(id_))
            for id_ in sorted(id_ for id_ in executors if id_ > after)[:limit]
        ]

    async def lose_silent(self) -> float:
        """Give up the executors that were silent for a lease.

        Gives the seconds after which the next one could be.
        """
        lease = self._lease.total_seconds()
        left = lease
        for executor_id in tuple(self._live.executors()):
            remaining = lease - self._silence(executor_id)
            if remaining > 0:
                left = min(left, remaining)
            else:
                await self._live.change(partial(self._loss, executor_id))
        return left

    def _silence(self, executor_id: ExecutorID) -> float:
        """Say for how long an executor was silent although somebody listened."""
        return min(self._live.silence(executor_id), self._clock.monotonic() - self._start)

    def _loss(self, executor_id: ExecutorID) -> Change:
        if self._silence(executor_id) < self._lease.total_seconds():
            return Change()
        keys = (slots_key(executor_id), sign_key(executor_id), executor_key(executor_id))
        return Change(delete=keys)

    def _active(self, executor_id: ExecutorID) -> int:
        tasks = self._live.assigned(executor_id).values()
        return sum(not task.status.phase.ended for task in tasks)

    async def _assigned(self, task: ExecutorTask) -> AssignedTask:
        run = self._live.run(task.run_id)
        if task.status.phase.ended or run is None:
            return AssignedTask(task, None)
        config = await self._configs.read(task.run_id)
        return AssignedTask(task, spec_data(config, task.task_id, counter=run.counter))


def check_session(live: LiveState, executor_id: ExecutorID, session: SessionID) -> Executor:
    """Give the executor whose present session this is.

    PreconditionError: `EXECUTOR_SESSION_STALE`.
    """
    executor = live.executors().get(executor_id)
    if executor is None or executor.session != session:
        message = f"the session of executor {executor_id!r} is over: register again"
        raise PreconditionError(message, reason="EXECUTOR_SESSION_STALE", executorId=executor_id)
    return executor


def _news(task: ExecutorTask) -> tuple[bool, bool]:
    return task.stop, task.status.phase.ended


def _check(executor: Executor) -> None:
    if not executor.id or "/" in executor.id:
        raise BadRequestError("an executor needs an id", reason="EXECUTOR_ID_REQUIRED")
    if not executor.address:
        raise BadRequestError("an executor needs an address", reason="EXECUTOR_ADDRESS_REQUIRED")
    if executor.slots < 1:
        message = f"an executor needs a slot, not {executor.slots}"
        slots = str(executor.slots)
        raise BadRequestError(message, reason="EXECUTOR_SLOTS_INVALID", slots=slots)
