"""The step that runs a command."""

import shlex

from agola.core.errors import PreconditionError
from agola.model.run_config import RunStep
from agola.services.executor.ports.driver import Command, Exit
from agola.services.executor.steps.context import StepContext


async def run(step: RunStep, context: StepContext) -> Exit:
    """Run the step's command in its shell, or in the task's."""
    command = Command(
        argv=shell(step.shell or context.spec.shell),
        script=f"{step.command}\n",
        environment=environment(step, context),
        directory=context.resolve(step.working_dir or "."),
        tty=step.tty,
    )
    return await context.pod.execute(command, context.log.write)


def environment(step: RunStep, context: StepContext) -> dict[str, str]:
    """Merge what is said of variables: the step wins over the task, the task over the container."""
    containers = context.spec.runtime.containers
    container = containers[0].environment if containers else {}
    return {**container, **context.spec.environment, **step.environment}


def shell(words: str) -> tuple[str, ...]:
    """Split the command of a shell into words.  PreconditionError: `SHELL_INVALID`."""
    try:
        argv = tuple(shlex.split(words))
    except ValueError as error:
        message = f"the shell {words!r} is no command: {error}"
        raise PreconditionError(message, reason="SHELL_INVALID", shell=words) from error
    if not argv:
        raise PreconditionError("the shell is empty", reason="SHELL_INVALID", shell=words)
    return argv
