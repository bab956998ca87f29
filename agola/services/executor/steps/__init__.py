"""What each kind of step does."""

from typing import assert_never

from agola.core.errors import PreconditionError
from agola.model.run_config import (
    CloneStep,
    RestoreCacheStep,
    RestoreWorkspaceStep,
    RunStep,
    SaveCacheStep,
    SaveToWorkspaceStep,
    Step,
)
from agola.services.executor.ports.driver import Exit
from agola.services.executor.steps.clone import clone
from agola.services.executor.steps.context import StepContext
from agola.services.executor.steps.restore_workspace import restore_workspace
from agola.services.executor.steps.run import run
from agola.services.executor.steps.save_to_workspace import save_to_workspace

__all__ = ["StepContext", "carry_out"]


async def carry_out(step: Step, context: StepContext) -> Exit | None:
    """Do a step.  Gives how its command ended, or None where success is all there is to say.

    What goes wrong otherwise is an AgolaError, whose message is a sentence for people.
    """
    match step:
        case RunStep():
            return await run(step, context)
        case CloneStep():
            await clone(step, context)
        case SaveToWorkspaceStep():
            await save_to_workspace(step, context)
        case RestoreWorkspaceStep():
            await restore_workspace(step, context)
        case SaveCacheStep() | RestoreCacheStep():
            message = f"step {step.name!r}: caches are not supported yet"
            raise PreconditionError(message, reason="STEP_NOT_SUPPORTED", step=step.name)
        case _:
            assert_never(step)
    return None
