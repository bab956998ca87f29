"""What is wrong with a run definition: every problem has a place, a sentence and often a hint."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

MAX_PROBLEMS = 1_000
"""How many errors, and how many warnings, of one file are kept: nobody reads more."""


class Problem(Struct, frozen=True, kw_only=True):
    """One error or warning.  Lines and columns count from 1; a column counts characters."""

    line: int
    column: int
    path: str
    """Where in the definition, such as `runs[0].tasks[2].depends[0]`; empty for the whole file."""
    message: str
    hint: str = ""
    """What to write instead, if that can be guessed."""

    def __str__(self) -> str:
        where = f"{self.line}:{self.column}: {self.path}".removesuffix(": ")
        return f"{where}: {self.message}" + (f" ({self.hint})" if self.hint else "")


@dataclass(slots=True)
class Problems:
    """Collects the problems of one file, so that all of them are told at once."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def count(self, thing: str) -> int:
        """Count one more of what a file may have only so many of, and say how many there are."""
        self.counts[thing] += 1
        return self.counts[thing]

    def error(self, problem: Callable[[], Problem]) -> None:
        """Add an error, made only if there is still room for it."""
        if len(self.errors) < MAX_PROBLEMS:
            self.errors.append(problem())

    def warning(self, problem: Callable[[], Problem]) -> None:
        """Add a warning, made only if there is still room for it."""
        if len(self.warnings) < MAX_PROBLEMS:
            self.warnings.append(problem())


def in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Sort problems as the file is read."""
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
