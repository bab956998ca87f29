"""How far a long transfer is, drawn on a terminal."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

Passed = Callable[[int], None]


@contextmanager
def progress(what: str, *, total: int | None, quiet: bool) -> Generator[Passed, None, None]:
    """Draw on the standard error, while the block runs, how many of *total* bytes have passed.

    Without a terminal, or *quiet*, nothing is drawn.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(what, total=total)
        yield lambda size: drawn.advance(task, size)
