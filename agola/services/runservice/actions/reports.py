"""What becomes of tasks in the hands of executors."""

from functools import partial

from msgspec import structs

from agola.core.clock import Clock
from agola.core.errors import BadRequestError, NotExistError, PreconditionError
from agola.model.executor import (
    ExecutorID,
    ExecutorTask,
    ExecutorTaskPhase,
    ExecutorTaskStatus,
    SessionID,
)
from agola.model.run import StepPhase, StepState, Task, TaskStatus
from agola.model.run_config import RunID, TaskID
from agola.services.runservice.actions.executors import check_session
from agola.services.runservice.ports.live import (
    NO_CHANGE,
    Change,
    LiveState,
    Puts,
    executor_key,
    executor_task_key,
    task_key,
)

LOST = "the executor was lost"


class ReportActions:
    """Takes reports, and judges the tasks of those who cannot report any more."""

    def __init__(self, live: LiveState, *, clock: Clock) -> None:
        self._live = live
        self._clock = clock

    async def update(
        self,
        executor_id: ExecutorID,
        session: SessionID,
        run_id: RunID,
        task_id: TaskID,
        *,
        status: ExecutorTaskStatus,
    ) -> None:
        """Take an executor's report of a task.  One that is not newer than the last is ignored.

        NotExistError: `EXECUTOR_TASK_DOES_NOT_EXIST`.  PreconditionError: `EXECUTOR_SESSION_STALE`,
        `EXECUTOR_TASK_NOT_YOURS`, `EXECUTOR_TASK_FINISHED`.  BadRequestError:
        `EXECUTOR_TASK_STATUS_INVALID`.
        """

        def decide() -> Change:
            check_session(self._live, executor_id, session)
            held = self._live.executor_task(task_id)
            task = self._live.tasks(run_id).get(task_id)
            if held is None or task is None or held.run_id != run_id:
                raise _not_there(task_id)
            if held.executor_id != executor_id:
                raise _not_yours(task_id, executor_id)
            if status.sequence <= held.status.sequence:
                return NO_CHANGE
            _check_transition(held, task, status)
            put = _reported(held, task, status)
            return Change(put=put, unchanged=(executor_key(executor_id),))

        await self._live.change(decide)

    async def give_up(self, executor_id: ExecutorID) -> None:
        """Judge the tasks of an executor that is lost: those begun have failed, the others move.

        A task is begun when its report of running was accepted, and an executor begins none
        before: so no task that moves has run.
        """
        for task_id in tuple(self._live.assigned(executor_id)):
            await self._live.change(partial(self._loss, executor_id, task_id))

    def _loss(self, executor_id: ExecutorID, task_id: TaskID) -> Change:
        held = self._live.executor_task(task_id)
        if (
            executor_id in self._live.executors()
            or held is None
            or held.executor_id != executor_id
            or held.status.phase.ended
        ):
            return NO_CHANGE
        absent = (executor_key(executor_id),)
        task = self._live.tasks(held.run_id).get(task_id)
        if held.status.phase is ExecutorTaskPhase.NOT_STARTED or task is None:
            return Change(delete=(executor_task_key(task_id),), unchanged=absent)
        return Change(put=_reported(held, task, self._lost(held.status)), unchanged=absent)

    def _lost(self, status: ExecutorTaskStatus) -> ExecutorTaskStatus:
        now = self._clock.now()

        def cut(state: StepState) -> StepState:
            if state.phase is not StepPhase.RUNNING:
                return state
            return structs.replace(state, phase=StepPhase.FAILED, end_time=now)

        return structs.replace(
            status,
            sequence=status.sequence + 1,
            phase=ExecutorTaskPhase.FAILED,
            setup=cut(status.setup),
            steps=tuple(cut(state) for state in status.steps),
            end_time=now,
            failure=LOST,
        )


def _reported(held: ExecutorTask, task: Task, status: ExecutorTaskStatus) -> Puts:
    after = structs.replace(
        task,
        status=TaskStatus(status.phase.value),
        setup=_named(status.setup, task.setup),
        steps=tuple(map(_named, status.steps, task.steps)) if status.steps else task.steps,
        start_time=status.start_time,
        end_time=status.end_time,
        failure=status.failure,
        timed_out=status.timed_out,
        executor_id=held.executor_id,
    )
    return {
        executor_task_key(held.task_id): structs.replace(held, status=status),
        task_key(held.run_id, held.task_id): after,
    }


def _named(reported: StepState, known: StepState) -> StepState:
    return structs.replace(reported, name=known.name, kind=known.kind)


def _check_transition(held: ExecutorTask, task: Task, status: ExecutorTaskStatus) -> None:
    before, after = held.status.phase, status.phase
    if before.ended:
        message = f"task {held.task_id!r} has ended already: {before.value}"
        raise PreconditionError(
            message, reason="EXECUTOR_TASK_FINISHED", taskId=held.task_id, phase=before.value
        )
    backwards = before is ExecutorTaskPhase.RUNNING and after in {
        ExecutorTaskPhase.NOT_STARTED,
        ExecutorTaskPhase.CANCELLED,
    }
    if backwards:
        message = f"a task that is {before.value} cannot become {after.value}"
        raise _invalid(message, phase=after.value)
    if len(status.steps) not in {0, len(task.steps)}:
        message = f"task {held.task_id!r} has {len(task.steps)} steps, not {len(status.steps)}"
        raise _invalid(message, taskId=held.task_id, steps=str(len(status.steps)))


def _invalid(message: str, **metadata: str) -> BadRequestError:
    return BadRequestError(message, reason="EXECUTOR_TASK_STATUS_INVALID", **metadata)


def _not_there(task_id: TaskID) -> NotExistError:
    message = f"no executor has task {task_id!r}"
    return NotExistError(message, reason="EXECUTOR_TASK_DOES_NOT_EXIST", taskId=task_id)


def _not_yours(task_id: TaskID, executor_id: ExecutorID) -> PreconditionError:
    message = f"task {task_id!r} is not in the hands of executor {executor_id!r}"
    reason = "EXECUTOR_TASK_NOT_YOURS"
    return PreconditionError(message, reason=reason, taskId=task_id, executorId=executor_id)
