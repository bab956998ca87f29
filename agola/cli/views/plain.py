"""Runs as lines: one for every change.  For files, pipes and other programs' logs."""

import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import ClassVar, Self

from agola.cli.output import clean
from agola.cli.views.words import detail, outcome, status, taken, title
from agola.model.log import LogPart
from agola.model.run import Run, Task
from agola.model.run_config import RunID, TaskID
from agola.model.run_event import RunState


class PlainView:
    """Prints what became different, and log lines behind the names of their tasks."""

    tails: ClassVar[bool] = False

    def __init__(self) -> None:
        self._runs: dict[RunID, str] = {}
        self._tasks: dict[TaskID, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.stdout.flush()

    def state(self, state: RunState) -> None:
        run = state.run
        fresh = run.id not in self._runs
        running = not run.phase.ended
        if running:
            self._run(run)
        for task in state.tasks:
            if fresh and status(task) == "not started":
                self._tasks[task.id] = status(task)
            self._task(task)
        if not running:  # how a run ended is its last line
            self._run(run)

    def log(self, run: Run, task: Task, part: LogPart, line: bytes) -> None:
        sys.stdout.flush()
        sys.stdout.buffer.write(clean(task.name).encode() + b" | " + line + b"\n")
        sys.stdout.buffer.flush()

    def _run(self, run: Run) -> None:
        if self._runs.get(run.id) != outcome(run):
            self._runs[run.id] = outcome(run)
            print(f"{title(run)}: {outcome(run)}", flush=True)
            if run.phase.ended:
                for problem in run.setup_errors:
                    print(f"  {clean(problem)}", flush=True)

    def _task(self, task: Task) -> None:
        if self._tasks.get(task.id) == status(task):
            return
        self._tasks[task.id] = status(task)
        spent = taken(task, now=datetime.now(UTC)) if task.status.ended else ""
        said = detail(task) if task.status.ended else ""
        line = f"{clean(task.name)}: {status(task)}" + (f" after {spent}" if spent else "")
        print(line + (f": {said}" if said else ""), flush=True)
