"""Problems of a definition as compilers tell them, with the line and a caret for those who look."""

from collections.abc import Iterator

from agola.cli.definition import Read
from agola.cli.output import clean
from agola.runconfig import Problem

MAX_WIDTH = 100
"""How much of a line is shown: evaluated definitions may have a single one."""


def diagnostics(read: Read, *, source: bool) -> Iterator[str]:
    """Give the lines to print; with *source*, also what is written there."""
    parsed, lines = read.parsed, read.text.splitlines()
    told = [("error", one) for one in parsed.errors] + [("warning", one) for one in parsed.warnings]
    for kind, problem in sorted(told, key=lambda one: (one[1].line, one[1].column)):
        if source:
            yield _line(read, kind, problem, hint="")
            yield from _source(lines, problem)
        else:
            yield _line(read, kind, problem, hint=f" ({problem.hint})" if problem.hint else "")


def _line(read: Read, kind: str, problem: Problem, *, hint: str) -> str:
    where = f" {problem.path}:" if problem.path else ""
    place = f"{read.shown}:{problem.line}:{problem.column}"
    return clean(f"{place}: {kind}:{where} {problem.message}{hint}")


def _source(lines: list[str], problem: Problem) -> Iterator[str]:
    number = str(problem.line)
    gutter = " " * len(number)
    if 0 < problem.line <= len(lines):
        line, column = lines[problem.line - 1], max(problem.column - 1, 0)
        start = max(0, column - MAX_WIDTH // 2)
        shown = line[start : start + MAX_WIDTH]
        indent = "".join("\t" if char == "\t" else " " for char in line[start:column])
        yield f" {number} | {_visible(shown)}"
        yield f" {gutter} | {indent}^"
    if problem.hint:
        yield f" {gutter} = {clean(problem.hint)}"


def _visible(text: str) -> str:
    """Keep tabs, so that the caret is where it belongs; of the rest what a terminal would obey."""
    return "\t".join(clean(part) for part in text.split("\t"))
