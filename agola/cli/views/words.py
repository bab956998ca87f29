"""What views say of runs, tasks and steps."""

from datetime import datetime

from agola.cli.output import clean, duration
from agola.model.log import LogPart
from agola.model.run import Phase, Result, Run, StepPhase, StepState, Task, TaskStatus

STATUSES = {
    TaskStatus.NOT_STARTED: "not started",
    TaskStatus.SKIPPED: "skipped",
    TaskStatus.CANCELLED: "cancelled",
    TaskStatus.RUNNING: "running",
    TaskStatus.STOPPED: "stopped",
    TaskStatus.SUCCESS: "success",
    TaskStatus.FAILED: "failed",
}


def title(run: Run) -> str:
    """Name a run."""
    return f"run #{run.counter} {clean(run.name)}"


def outcome(run: Run) -> str:
    """Say how far a run is, or how it ended."""
    if run.phase is Phase.SETUP_ERROR:
        return "setup error"
    if run.phase is Phase.FINISHED:
        return str(run.result.value)
    if run.stop:
        return "stopping"
    doomed = run.result in {Result.FAILED, Result.STOPPED}
    return f"{run.phase.value}, {run.result.value}" if doomed else str(run.phase.value)


def status(task: Task) -> str:
    """Say how far a task is, or how it ended."""
    if task.waiting_approval and not task.status.ended:
        return "waiting for approval"
    return STATUSES[task.status]


def detail(task: Task) -> str:
    """Say what a task is at, or why it failed."""
    if task.failure:
        return clean(task.failure)
    if task.timed_out:
        return "its time was up"
    steps = (task.setup, *task.steps)
    if failed := next((step for step in steps if step.phase is StepPhase.FAILED), None):
        return f"{clean(failed.name)}: {_end(failed)}"
    if task.status is TaskStatus.RUNNING:
        running = (step for step in steps if step.phase is StepPhase.RUNNING)
        return clean(next((step.name for step in running), ""))
    return ""


def taken(task: Task, *, now: datetime) -> str:
    """Say how long a task took, or has taken so far."""
    return duration(task.start_time, task.end_time, now=now)


def step_of(task: Task, part: LogPart) -> StepState:
    """Give the step whose log a part is."""
    return task.setup if part.step is None else task.steps[part.step]


def _end(step: StepState) -> str:
    if step.signal:
        return f"ended by {step.signal}"
    return "failed" if step.exit_code is None else f"exit code {step.exit_code}"
