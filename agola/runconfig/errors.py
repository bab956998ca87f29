"""What is wrong with a run definition: every problem has a place, a sentence and often a hint."""

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
    seen: dict[str, set[str]] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    _told: set[tuple[int, int, str, str]] = field(default_factory=set)

    @property
    def full(self) -> bool:
        """Whether there is no room for another error."""
        return len(self.errors) >= MAX_PROBLEMS

    def distinct(self, kind: str, thing: str) -> int:
        """Note one more of what a file may have only so many of; say how many different ones."""
        seen = self.seen.setdefault(kind, set())
        seen.add(thing)
        return len(seen)

    def spend(self, kind: str, amount: int) -> int:
        """Note *amount* more of what a file may use only so much of; say how much that makes."""
        self.spent[kind] = self.spent.get(kind, 0) + amount
        return self.spent[kind]

    def error(self, problem: Callable[[], Problem]) -> None:
        """Add an error, made only if there is still room for it.  One is told only once."""
        if not self.full:
            self._tell(problem(), self.errors)

    def warning(self, problem: Callable[[], Problem]) -> None:
        """Add a warning, made only if there is still room for it.  One is told only once."""
        if len(self.warnings) < MAX_PROBLEMS:
            self._tell(problem(), self.warnings)

    def _tell(self, problem: Problem, told: list[Problem]) -> None:
        key = problem.line, problem.column, problem.path, problem.message
        if key not in self._told:
            self._told.add(key)
            told.append(problem)


def in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Sort problems as the file is read."""
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
