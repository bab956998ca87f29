"""Runs as JSON: one object a line, for programs that follow."""

from types import TracebackType
from typing import ClassVar, Self

from agola.cli.output import print_json
from agola.model.log import LogPart
from agola.model.run import Run, Task
from agola.model.run_event import RunState


class JsonView:
    """Prints every state as `{"run", "tasks"}` and every log line as `{"log"}`."""

    tails: ClassVar[bool] = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def state(self, state: RunState) -> None:
        print_json(state, indent=None)

    def log(self, run: Run, task: Task, part: LogPart, line: bytes) -> None:
        text = line.decode(errors="replace")
        where = {"run_id": run.id, "task": task.name, "step": part.step, "line": text}
        print_json({"log": where}, indent=None)
