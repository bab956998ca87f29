"""How far a task has come: its status, told at each change."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec import structs

from agola.core.clock import Clock
from agola.model.executor import (
    ExecutorTask,
    ExecutorTaskPhase,
    ExecutorTaskSpecData,
    ExecutorTaskStatus,
)
from agola.model.log import SETUP_LOG, LogPart
from agola.model.run import StepPhase, StepState, step_kind
from agola.services.executor.ports.driver import Exit

Tell = Callable[[ExecutorTaskStatus], Awaitable[None]]
"""Takes each new status of a task.  Returns when it is safe on the disk."""


def initial(task: ExecutorTask, spec: ExecutorTaskSpecData | None) -> ExecutorTaskStatus:
    """Make the status of a task that has not begun."""
    if spec is None:
        return task.status
    steps = tuple(StepState(name=step.name, kind=step_kind(step)) for step in spec.steps)
    return structs.replace(task.status, steps=steps)


def part_of(status: ExecutorTaskStatus, part: LogPart) -> StepState:
    return status.setup if part.step is None else status.steps[part.step]


def with_part(status: ExecutorTaskStatus, part: LogPart, state: StepState) -> ExecutorTaskStatus:
    """Give the status with one part of it changed."""
    if part.step is None:
        return structs.replace(status, setup=state)
    steps = (*status.steps[: part.step], state, *status.steps[part.step + 1 :])
    return structs.replace(status, steps=steps)


def ended(
    status: ExecutorTaskStatus,
    phase: ExecutorTaskPhase,
    now: datetime,
    *,
    failure: str = "",
    timed_out: bool = False,
) -> ExecutorTaskStatus:
    """Give the status of a task that has ended, with whatever part of it was running.

    It is newer than all that may have been told before: the beginnings of the setup and the steps,
    the last of which a crash may have made us forget.
    """
    stopped = phase is ExecutorTaskPhase.STOPPED
    for part in (SETUP_LOG, *map(LogPart, range(len(status.steps)))):
        state = part_of(status, part)
        if state.phase is StepPhase.RUNNING:
            cut = StepPhase.STOPPED if stopped else StepPhase.FAILED
            status = with_part(status, part, structs.replace(state, phase=cut, end_time=now))
    return structs.replace(
        status,
        sequence=max(status.sequence, 1 + len(status.steps)) + 1,
        phase=phase,
        end_time=now,
        failure=failure,
        timed_out=timed_out,
    )


class Progress:
    """The status of one task on its way.

    That a part has ended is told together with what follows at once: the next part, or the end.
    """

    def __init__(self, status: ExecutorTaskStatus, *, clock: Clock, tell: Tell) -> None:
        self._status = status
        self._clock = clock
        self._tell = tell

    async def begin(self) -> None:
        """Say that the task begins, with its setup."""
        now = self._clock.now()
        begun = structs.replace(self._status, phase=ExecutorTaskPhase.RUNNING, start_time=now)
        await self._set(self._begun(begun, SETUP_LOG))

    async def begin_step(self, part: LogPart) -> None:
        """Say that a step begins."""
        await self._set(self._begun(self._status, part))

    def end_part(self, part: LogPart, exited: Exit | None = None) -> None:
        """Note that a part has ended: well, unless *exited* says otherwise."""
        succeeded = exited is None or exited.success
        state = structs.replace(
            part_of(self._status, part),
            phase=StepPhase.SUCCESS if succeeded else StepPhase.FAILED,
            end_time=self._clock.now(),
            exit_code=exited.code if exited else None,
            signal=exited.signal if exited else "",
        )
        self._status = with_part(self._status, part, state)

    async def end(
        self, phase: ExecutorTaskPhase, *, failure: str = "", timed_out: bool = False
    ) -> None:
        """Say that the task has ended, with whatever part of it was running."""
        now = self._clock.now()
        status = ended(self._status, phase, now, failure=failure, timed_out=timed_out)
        self._status = status
        await self._tell(status)

    def _begun(self, status: ExecutorTaskStatus, part: LogPart) -> ExecutorTaskStatus:
        state = part_of(status, part)
        running = structs.replace(state, phase=StepPhase.RUNNING, start_time=self._clock.now())
        return with_part(status, part, running)

    async def _set(self, status: ExecutorTaskStatus) -> None:
        self._status = structs.replace(status, sequence=self._status.sequence + 1)
        await self._tell(self._status)
