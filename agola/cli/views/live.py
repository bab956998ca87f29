"""Runs as they go on, drawn on a terminal: the graph by levels, and what running tasks say."""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import ClassVar, Self

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from agola.cli.output import clean, duration
from agola.cli.views.words import detail, outcome, status, taken, title
from agola.model.log import LogPart
from agola.model.run import Phase, Result, Run, Task, TaskStatus
from agola.model.run_config import RunID, TaskID
from agola.model.run_event import RunState

TAIL_LINES = 3
REFRESHES_PER_SECOND = 8

_MARKS = {
    TaskStatus.NOT_STARTED: ("·", "dim"),
    TaskStatus.SKIPPED: ("-", "dim"),
    TaskStatus.CANCELLED: ("-", "yellow"),
    TaskStatus.STOPPED: ("■", "yellow"),
    TaskStatus.SUCCESS: ("✔", "green"),
    TaskStatus.FAILED: ("✘", "red"),
}
_RESULTS = {Result.SUCCESS: "green", Result.FAILED: "red", Result.STOPPED: "yellow"}


class LiveView:
    """Redraws in place.  Log lines scroll by above, or show as tails of their tasks."""

    tails: ClassVar[bool] = True

    def __init__(self, console: Console, *, scroll: bool) -> None:
        self._console = console
        self._scroll = scroll
        self._states: dict[RunID, RunState] = {}
        self._tails: dict[TaskID, deque[str]] = {}
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            console=console,
            get_renderable=self._drawn,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def state(self, state: RunState) -> None:
        self._states[state.run.id] = state

    def log(self, run: Run, task: Task, part: LogPart, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r").rpartition("\r")[2]
        if self._scroll:
            named = Text(f"{clean(task.name)} | ", style="cyan")
            self._console.print(named.append_text(Text.from_ansi(text)), soft_wrap=True)
        elif text.strip() and part.step is not None:
            tail = self._tails.setdefault(task.id, deque(maxlen=TAIL_LINES))
            tail.append(Text.from_ansi(text).plain)

    def _drawn(self) -> RenderableType:
        now = datetime.now(UTC)
        return Group(*(self._run(state, now) for state in self._states.values()))

    def _run(self, state: RunState, now: datetime) -> RenderableType:
        run = state.run
        head = Text.assemble(
            (title(run), "bold"), "  ", (outcome(run), _run_style(run)), "  ",
            duration(run.start_time, run.end_time, now=now),
        )  # fmt: skip
        problems = [Text(f"  {clean(problem)}", style="red") for problem in run.setup_errors]
        return Group(head, *problems, self._tasks(state, now))

    def _tasks(self, state: RunState, now: datetime) -> Table:
        table = Table(
            box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0), expand=True
        )
        cells = [("?", _name(task), status(task), taken(task, now=now)) for task in state.tasks]
        for column in zip(*cells, strict=True):  # as wide as they need, whatever tails say
            table.add_column(no_wrap=True, min_width=max(map(cell_len, column)))
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for task in state.tasks:
            style = "cyan" if task.status is TaskStatus.RUNNING else _MARKS[task.status][1]
            table.add_row(
                self._mark(task),
                Text(_name(task)),
                Text(status(task), style=style),
                taken(task, now=now),
                Text(detail(task), style="dim"),
            )
            for line in self._tail(task):
                table.add_row("", "", "", "", Text(line, style="dim italic"))
        return table

    def _mark(self, task: Task) -> RenderableType:
        if task.status is TaskStatus.RUNNING:
            return self._spinner
        mark, style = _MARKS[task.status]
        return Text("?" if task.waiting_approval else mark, style=style)

    def _tail(self, task: Task) -> Iterator[str]:
        if task.status is TaskStatus.RUNNING:
            yield from self._tails.get(task.id, ())


def _name(task: Task) -> str:
    return "   " * task.level + clean(task.name)


def _run_style(run: Run) -> str:
    if run.phase is Phase.SETUP_ERROR:
        return "red"
    return _RESULTS.get(run.result, "cyan")
