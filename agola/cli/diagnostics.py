"""Problems of a definition as compilers tell them, with the line and a caret for those who look."""

import re
import unicodedata
from collections.abc import Iterator

from agola.cli.definition import Read
from agola.cli.output import clean
from agola.runconfig import Problem

MAX_WIDTH = 100
"""How much of a line is shown: evaluated definitions may have a single one."""

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line in YAML: less than `splitlines` knows."""


def diagnostics(read: Read, *, source: bool) -> Iterator[str]:
    """Give the lines to print; with *source*, also what is written there."""
    parsed, lines = read.parsed, _LINE_BREAK.split(read.text)
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
        yield f" {number} | {''.join(map(_visible, line[start : start + MAX_WIDTH]))}"
        yield f" {gutter} | {''.join(map(_blank, line[start:column]))}^"
    if problem.hint:
        yield f" {gutter} = {clean(problem.hint)}"


def _visible(character: str) -> str:
    """Keep tabs, and take out what else a terminal would obey."""
    return character if character == "\t" else clean(character)


def _blank(character: str) -> str:
    """Give what is as wide, so that the caret is where it belongs."""
    if character == "\t":
        return character
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in "WF" else " "
