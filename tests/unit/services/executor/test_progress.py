"""The status of a task on its way."""

from agola.core.clock import SystemClock
from agola.model.executor import ExecutorTaskPhase, ExecutorTaskStatus
from agola.model.log import SETUP_LOG, LogPart
from agola.model.run import StepPhase, StepState
from agola.services.executor.actions.progress import Progress, ended


class Told:
    """All that is told of a task with two steps."""

    def __init__(self) -> None:
        self.statuses: list[ExecutorTaskStatus] = []
        status = ExecutorTaskStatus(steps=(StepState(), StepState()))
        self.progress = Progress(status, clock=SystemClock(), tell=self._tell)

    async def _tell(self, status: ExecutorTaskStatus) -> None:
        self.statuses.append(status)

    async def begin_all(self) -> None:
        """Begin with the setup and, part after part, the two steps."""
        await self.progress.begin()
        for part, following in (SETUP_LOG, LogPart(0)), (LogPart(0), LogPart(1)):
            self.progress.end_part(part)
            await self.progress.begin_step(following)


async def test_the_end_of_a_step_is_told_with_the_beginning_of_the_next() -> None:
    told = Told()
    await told.begin_all()
    _, first, second = told.statuses
    assert (first.setup.phase, first.steps[0].phase) == (StepPhase.SUCCESS, StepPhase.RUNNING)
    assert [step.phase for step in second.steps] == [StepPhase.SUCCESS, StepPhase.RUNNING]


async def test_an_end_is_newer_than_all_that_a_crash_may_have_made_us_forget() -> None:
    told = Told()
    await told.begin_all()
    saved, *_, forgotten = told.statuses
    end = ended(saved, ExecutorTaskPhase.FAILED, SystemClock().now())
    assert end.sequence > forgotten.sequence
