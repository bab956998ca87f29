"""What a view of runs is told."""

from types import TracebackType
from typing import ClassVar, Protocol, Self

from agola.model.log import LogPart
from agola.model.run import Run, Task
from agola.model.run_event import RunState


class View(Protocol):
    """Shows runs from inside its `with` block."""

    tails: ClassVar[bool]
    """It shows what running tasks say, even where nobody asked for logs."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def state(self, state: RunState) -> None:
        """Show a run as it is now."""

    def log(self, run: Run, task: Task, part: LogPart, line: bytes) -> None:
        """Show a line of a log, without its line break."""
