"""Printing: tables for people, JSON for programs."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, to_builtins

_INTERNAL = {"format", "request_id", "digest", "task_count", "opening"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def plain(value: Any) -> Any:
    """Make what JSON can say of a noun: every field, its times in UTC, durations in seconds."""
    if isinstance(value, Struct):
        names = [name for name in value.__struct_fields__ if name not in _INTERNAL]
        return {name: plain(getattr(value, name)) for name in names}
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.total_seconds() if isinstance(value, timedelta) else to_builtins(value)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a noun, or nouns by name, as JSON."""
    print(json.dumps(plain(value), indent=indent, ensure_ascii=False), flush=True)


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under their titles, each column as wide as it needs to be."""
    lines = [tuple(titles), *(tuple(map(clean, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def clean(text: str) -> str:
    """Take out what a terminal would obey instead of show."""
    return _CONTROL.sub(" ", text)


def duration(start: datetime | None, end: datetime | None, *, now: datetime) -> str:
    """Say how long something took, or has taken so far."""
    if start is None:
        return ""
    seconds = max(((end or now) - start).total_seconds(), 0)
    return span(seconds)


def span(seconds: float) -> str:
    """Say a number of seconds in at most two units."""
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"
